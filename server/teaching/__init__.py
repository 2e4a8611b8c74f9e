"""Teaching copies: a signed case's study without its patient, looked at by a person, then released."""
