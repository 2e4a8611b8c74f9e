"""What a consultation leaves for a PACS: measurement reports, key images, presentation states, the signed minutes.

Everything that builds a data set runs in the sandbox's child (`making.py`), from the headers that the index
holds; the parent handles plain values and finished bytes. highdicom writes here alone.
"""
