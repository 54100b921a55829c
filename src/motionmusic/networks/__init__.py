"""The networks of the paper, section 3 of the specification."""
