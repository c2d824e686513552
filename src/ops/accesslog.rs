//! The access log: lines built from templates, collected in memory, written in larger pieces, reopened on USR1.
