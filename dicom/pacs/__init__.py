"""A hospital's PACS, asked by us: is it there, which studies has it, give me this one.

Two ways to the same archive (`found.Archive`): `dimse.Dimse` (C-FIND, C-GET or C-MOVE; in a child process,
`__main__.py`) and `dicomweb.Dicomweb` (QIDO-RS, WADO-RS).
"""
