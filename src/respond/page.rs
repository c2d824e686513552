//! Short pages for responses of our own: errors, and redirects.
