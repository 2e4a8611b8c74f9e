"""A hospital's own PACS: its administrator connects it, its doctors search it and pull studies from it."""
