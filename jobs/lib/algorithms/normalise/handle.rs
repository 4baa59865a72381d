//! Handles on social networks.

use super::identifier;
use super::text::collapse;

/// A platform: its name here, the names people give it, and its hosts.
struct Platform {
    name: &'static str,
    aliases: &'static [&'static str],
    hosts: &'static [&'static str],
}

const PLATFORMS: [Platform; 13] = [
    Platform { name: "bluesky", aliases: &["bsky"], hosts: &["bsky.app"] },
    Platform {
        name: "facebook",
        aliases: &["fb", "meta"],
        hosts: &["facebook.com", "fb.com", "fb.me"],
    },
    Platform { name: "github", aliases: &[], hosts: &["github.com"] },
    Platform { name: "instagram", aliases: &["ig", "insta"], hosts: &["instagram.com"] },
    Platform { name: "linkedin", aliases: &["li"], hosts: &["linkedin.com"] },
    Platform { name: "mastodon", aliases: &["fediverse"], hosts: &[] },
    Platform { name: "pinterest", aliases: &[], hosts: &["pinterest.com"] },
    Platform { name: "reddit", aliases: &[], hosts: &["reddit.com"] },
    Platform { name: "snapchat", aliases: &["snap"], hosts: &["snapchat.com"] },
    Platform { name: "threads", aliases: &[], hosts: &["threads.net", "threads.com"] },
    Platform { name: "tiktok", aliases: &[], hosts: &["tiktok.com"] },
    Platform { name: "x", aliases: &["twitter"], hosts: &["x.com", "twitter.com"] },
    Platform { name: "youtube", aliases: &["yt"], hosts: &["youtube.com"] },
];

/// Path segments in front of a handle in the URL of a profile.
const PROFILE_FOLDERS: [&str; 9] =
    ["add", "c", "channel", "company", "in", "profile", "u", "user", "users"];

/// First path segments that are pages of the platform, not profiles.
const PAGES: [&str; 16] = [
    "about", "explore", "feed", "groups", "hashtag", "help", "home", "i", "login", "p", "pages",
    "reel", "search", "settings", "share", "watch",
];

/// One spelling of a social handle, as `platform:handle` (`x:janedoe`); `None` where the text is
/// no handle, or a placeholder.
///
/// `platform`: its name or a common alias (`twitter` is `x`); where it is missing, the URL must
/// tell. A URL's own host wins over a platform that contradicts it. The `@`, the URL around a
/// profile and the case go: platforms compare handles without case, but for YouTube's channel
/// ids. Facebook ignores full stops in user names. Mastodon needs the server:
/// `mastodon:jane@example.social`.
pub fn normalize_handle(platform: Option<&str>, text: &str) -> Option<String> {
    let text = collapse(text);
    let named = platform.map(platform_name).filter(|name| !name.is_empty());
    let (platform, handle) = match profile_url(&text) {
        Some((Some(host_platform), path)) => {
            (host_platform.to_owned(), handle_of_path(host_platform, path)?)
        }
        Some((None, path)) => {
            let host = host_of(&text)?;
            let platform = named.unwrap_or_default();
            if platform != "mastodon" {
                return None;
            }
            let user = path.split('/').find(|segment| !segment.is_empty())?;
            (platform, format!("{}@{host}", user.trim_start_matches('@')))
        }
        None => (named?, text.clone()),
    };
    let handle = handle.trim().trim_start_matches('@');
    let handle = match platform.as_str() {
        "reddit" => {
            let bare = handle.trim_start_matches('/');
            bare.strip_prefix("u/").or_else(|| bare.strip_prefix("U/")).unwrap_or(bare)
        }
        _ => handle,
    };
    let handle = fold_case(&platform, handle);
    let is_handle =
        |character: char| character.is_alphanumeric() || matches!(character, '.' | '_' | '-');
    let is_valid = if platform == "mastodon" {
        matches!(handle.split_once('@'), Some((user, server))
            if !user.is_empty() && user.chars().all(is_handle)
                && server.contains('.') && server.chars().all(is_handle))
    } else {
        handle.chars().all(is_handle)
    };
    let is_usable = is_valid && handle.len() <= 100 && !identifier::is_placeholder(&handle);
    is_usable.then(|| format!("{platform}:{handle}"))
}

fn platform_name(platform: &str) -> String {
    let name = collapse(platform).to_lowercase();
    let known = PLATFORMS.iter().find(|known| {
        known.name == name
            || known.aliases.contains(&name.as_str())
            || known.hosts.contains(&name.trim_start_matches("www."))
    });
    known.map_or(name, |known| known.name.to_owned())
}

/// The platform of a profile's URL and its path; `None` where the text is no URL.
fn profile_url(text: &str) -> Option<(Option<&'static str>, &str)> {
    let has_scheme = text.contains("://");
    let host = host_of(text)?;
    let platform = PLATFORMS.iter().find(|known| known.hosts.contains(&host.as_str()));
    if platform.is_none() && !has_scheme {
        return None;
    }
    let bare = text.split_once("://").map_or(text, |(_, bare)| bare);
    let path = bare.split_once('/').map_or("", |(_, path)| path);
    Some((platform.map(|known| known.name), path))
}

/// The host of a URL, with or without its scheme, without the prefixes of its mobile site.
fn host_of(text: &str) -> Option<String> {
    let bare = text.split_once("://").map_or(text, |(_, bare)| bare);
    let host = bare.split(['/', '?', '#']).next()?.to_lowercase();
    let host = ["www.", "m.", "mobile.", "old."]
        .iter()
        .find_map(|prefix| host.strip_prefix(prefix))
        .unwrap_or(&host)
        .to_owned();
    // LinkedIn and Pinterest have a host a country.
    let host = match host.split_once('.') {
        Some((country, rest))
            if country.len() == 2 && matches!(rest, "linkedin.com" | "pinterest.com") =>
        {
            rest.to_owned()
        }
        _ => host,
    };
    (host.contains('.') && !host.contains('@') && !host.contains(' ')).then_some(host)
}

/// The handle in the path of a profile's URL.
fn handle_of_path(platform: &str, path: &str) -> Option<String> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = path.split('#').next().unwrap_or(path);
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let first = segments.next()?;
    if platform == "facebook" {
        // People without a user name have a number.
        if first == "profile.php" {
            let id = query.split('&').find_map(|pair| pair.strip_prefix("id="))?;
            return Some(id.to_owned());
        }
        if first == "people" {
            return segments.nth(1).map(str::to_owned);
        }
    }
    let folder = first.to_lowercase();
    if PROFILE_FOLDERS.contains(&folder.as_str())
        && let Some(handle) = segments.next()
    {
        return Some(handle.to_owned());
    }
    (!PAGES.contains(&folder.as_str())).then(|| first.to_owned())
}

fn fold_case(platform: &str, handle: &str) -> String {
    let is_channel_id = platform == "youtube" && handle.starts_with("UC") && handle.len() == 24;
    if is_channel_id {
        return handle.to_owned();
    }
    let folded = handle.to_lowercase();
    if platform == "facebook" { folded.replace('.', "") } else { folded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_have_one_spelling() {
        let cases = [
            (Some("twitter"), "@JaneDoe", Some("x:janedoe")),
            (Some("X"), " janedoe ", Some("x:janedoe")),
            (Some("x"), "https://twitter.com/JaneDoe/status/1?s=20", Some("x:janedoe")),
            (None, "x.com/JaneDoe", Some("x:janedoe")),
            (Some("instagram"), "https://www.instagram.com/jane.doe/", Some("instagram:jane.doe")),
            (Some("Facebook"), "Jane.Doe", Some("facebook:janedoe")),
            (None, "https://m.facebook.com/profile.php?id=100012", Some("facebook:100012")),
            (None, "https://facebook.com/people/Jane-Doe/100012/", Some("facebook:100012")),
            (None, "https://uk.linkedin.com/in/Jane-Doe-12", Some("linkedin:jane-doe-12")),
            (None, "https://www.tiktok.com/@jane", Some("tiktok:jane")),
            (Some("reddit"), "u/Jane_D", Some("reddit:jane_d")),
            (None, "https://old.reddit.com/user/Jane_D/comments", Some("reddit:jane_d")),
            (Some("youtube"), "https://youtube.com/@Jane", Some("youtube:jane")),
            (
                Some("yt"),
                "https://youtube.com/channel/UCabcdefghijklmnopqrstUV",
                Some("youtube:UCabcdefghijklmnopqrstUV"),
            ),
            (Some("mastodon"), "@Jane@example.social", Some("mastodon:jane@example.social")),
            (
                Some("mastodon"),
                "https://example.social/@Jane",
                Some("mastodon:jane@example.social"),
            ),
            (Some("mastodon"), "jane", None),
            (Some("bluesky"), "@jane.bsky.social", Some("bluesky:jane.bsky.social")),
            (None, "https://bsky.app/profile/jane.bsky.social", Some("bluesky:jane.bsky.social")),
            // The URL knows better than the column beside it.
            (Some("facebook"), "https://instagram.com/jane", Some("instagram:jane")),
            (Some("Trustpilot"), "Jane99", Some("trustpilot:jane99")),
            (None, "@jane", None),
            (Some(""), "@jane", None),
            (Some("x"), "Jane Doe", None),
            (Some("x"), "@", None),
            (Some("x"), "unknown", None),
            (Some("reddit"), "[deleted]", None),
            (Some("x"), "https://x.com/", None),
            (Some("x"), "https://x.com/search?q=jane", None),
            (Some("x"), "https://example.com/jane", None),
        ];
        for (platform, text, expected) in cases {
            assert_eq!(
                normalize_handle(platform, text).as_deref(),
                expected,
                "{platform:?} {text}"
            );
        }
    }
}
