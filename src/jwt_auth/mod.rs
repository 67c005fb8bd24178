//! Who is calling, and what they may do: tokens (RFC 7519) are verified, and the access matrix decides.

pub mod access;
