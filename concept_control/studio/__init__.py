"""The studio: a page in the browser where concepts are shown, asked for and watched."""
