"""The modalities and PACS that call the gateway: a hospital's administrator enters them, on a page or by command."""
