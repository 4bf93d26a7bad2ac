"""The data sets by name, each in a file of its own, and your own data as a folder, a table or features."""
