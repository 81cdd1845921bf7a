"""Which concept explains what was seen, with calibrated confidence."""
