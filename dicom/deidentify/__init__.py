"""De-identification for teaching: PS3.15 Annex E, the Basic Application Level Confidentiality Profile with options.

`profile.py` is the standard's table, `identity.py` who must not be recognised, `texts.py` which words may
stay, `values.py` one value, `elements.py` a whole data set, `pixels.py` what is drawn into the image, and
`instance.py` one file. All of it runs in the sandbox's child alone.
"""
