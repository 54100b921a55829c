"""The report of a data set: one folder with one page, to be read without a network."""
