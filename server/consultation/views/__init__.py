"""The pages of the journey, one module a page: what its template may use, gathered with few queries."""
