//! Cache-Control and its like as lists of directives (RFC 9111 5.2, RFC 8246, RFC 5861, RFC 9213): pure.
