"""Every number of the documentation: what is measured, how, and the page that shows it."""
