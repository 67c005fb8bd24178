//! The access matrix: systems, roles and what they grant, and the rules of the endpoints.
