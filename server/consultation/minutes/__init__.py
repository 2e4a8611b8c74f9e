"""minutes: the live draft becomes form 27/BV2 and its annex; two signatures fix it; addenda follow."""
