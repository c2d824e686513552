//! Media types by the extension of a file's name.
//!
//! The ones that matter to a browser, a player or a download. Text has no `charset`: what the file says (`<meta>`, `@charset`,
//! a byte order mark) holds then. Anything else gets the location's `--default-type`.
#![forbid(unsafe_code)]

/// Extension in lowercase, and type; sorted by extension.
const TYPES: [(&str, &str); 54] = [
    ("7z", "application/x-7z-compressed"),
    ("atom", "application/atom+xml"),
    ("avi", "video/x-msvideo"),
    ("avif", "image/avif"),
    ("bin", "application/octet-stream"),
    ("bmp", "image/bmp"),
    ("bz2", "application/x-bzip2"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("deb", "application/vnd.debian.binary-package"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/x-icon"),
    ("ics", "text/calendar"),
    ("iso", "application/octet-stream"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("m4a", "audio/mp4"),
    ("md", "text/markdown"),
    ("mjs", "text/javascript"),
    ("mkv", "video/x-matroska"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("nzb", "application/x-nzb"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("rss", "application/rss+xml"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("torrent", "application/x-bittorrent"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml"),
    ("xml", "text/xml"),
    ("xpi", "application/x-xpinstall"),
    ("xz", "application/x-xz"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

/// The type of a file of this name; `None` where its extension says nothing, or it has none (`.html` alone is a name).
pub fn of(name: &[u8]) -> Option<&'static str> {
    let dot = name.iter().rposition(|&b| b == b'.').filter(|&at| at > 0)?;
    let extension = name.get(dot + 1..)?;
    TYPES
        .iter()
        .find(|(known, _)| extension.eq_ignore_ascii_case(known.as_bytes()))
        .map(|(_, media)| *media)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_extension_decides_in_either_case() {
        let table: [(&str, Option<&str>); 12] = [
            ("a.html", Some("text/html")),
            ("A.HTM", Some("text/html")),
            ("x.tar.gz", Some("application/gzip")),
            ("x.gz.txt", Some("text/plain")),
            ("movie.Mp4", Some("video/mp4")),
            ("linux.torrent", Some("application/x-bittorrent")),
            ("README", None),
            (".html", None),
            ("a.", None),
            ("a.html~", None),
            ("a.unknown", None),
            ("", None),
        ];
        for (name, media) in table {
            assert_eq!(of(name.as_bytes()), media, "{name}");
        }
    }

    #[test]
    fn the_table_holds_each_extension_once_in_lowercase_and_sane_types() {
        for (at, (extension, media)) in TYPES.iter().enumerate() {
            assert_eq!(*extension, extension.to_ascii_lowercase());
            assert!(at == 0 || TYPES[at - 1].0 < *extension, "{extension}");
            let (kind, sub) = media.split_once('/').expect("type/subtype");
            assert!(crate::http::fields::is_token(kind.as_bytes()));
            assert!(crate::http::fields::is_token(sub.as_bytes()));
        }
    }
}
