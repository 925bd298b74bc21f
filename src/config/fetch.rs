//! `fetch.*`, `pushes.*` and `bugs.*`: whom the gateway may ask, and whom it asks about pushes and bugs.

use super::error::ConfigError;
use super::key::Key;
use super::secret::Secret;
use super::settings::Settings;
use super::{truth, typed};
use crate::bug_tracker::BugTracker;
use crate::fetch::{AllowedHost, FetchOptions, Url};
use std::time::Duration;

/// `pushes.*`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushes {
    /// `pushes.github_api_url`: where the commits of GitHub repositories are asked for. Default
    /// `https://api.github.com`.
    pub github_api_url: Url,
    /// `pushes.github_token`: sent there; none: asked anonymously, at GitHub's lower rate limit.
    pub github_token: Option<Secret>,
    /// `pushes.mercurial_poll_seconds`: how often the push logs of Mercurial repositories are looked at for
    /// what no message told; none: never. Default 300.
    pub mercurial_poll: Option<Duration>,
}

const DEFAULT_GITHUB_API: &str = "https://api.github.com";
const DEFAULT_POLL_SECONDS: &str = "300";
/// A day.
const MOST_POLL_SECONDS: u64 = 24 * 3600;

pub(super) fn fetch(settings: &Settings) -> Result<FetchOptions, ConfigError> {
    Ok(FetchOptions {
        allow_private: typed(settings, Key::FetchAllowPrivate, "false", truth)?,
        allowed_hosts: typed(settings, Key::FetchAllowedHosts, "", hosts)?,
        only_hosts: typed(settings, Key::FetchOnlyHosts, "", hosts)?,
    })
}

fn hosts(text: &str) -> Result<Vec<AllowedHost>, String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(host).collect()
}

fn host(text: &str) -> Result<AllowedHost, String> {
    AllowedHost::parse(text).ok_or_else(|| {
        format!(
            "{text:?} must be a host name, an IP address or a network such as 10.2.0.0/16, without a port"
        )
    })
}

pub(super) fn pushes(settings: &Settings) -> Result<Pushes, ConfigError> {
    Ok(Pushes {
        github_api_url: typed(settings, Key::PushesGithubApiUrl, DEFAULT_GITHUB_API, base_url)?,
        github_token: settings
            .get(Key::PushesGithubToken)
            .map(|_| {
                typed(settings, Key::PushesGithubToken, "", |text| {
                    let visible = text.chars().all(|c| c.is_ascii_graphic());
                    visible.then(|| Secret::new(text.into())).ok_or_else(|| "must be visible ASCII".into())
                })
            })
            .transpose()?,
        mercurial_poll: typed(settings, Key::PushesMercurialPoll, DEFAULT_POLL_SECONDS, |text| {
            let seconds = text.parse().ok().filter(|seconds| *seconds <= MOST_POLL_SECONDS);
            let seconds = seconds.ok_or_else(|| {
                format!(
                    "{text:?} must be a whole number of seconds up to {MOST_POLL_SECONDS}, or 0 for never"
                )
            })?;
            Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
        })?,
    })
}

/// Refreshing more often finds little that is new.
const LEAST_REFRESH_SECONDS: u64 = 60;
const DEFAULT_REFRESH_SECONDS: &str = "3600";

pub(super) fn bugs(settings: &Settings) -> Result<Option<BugTracker>, ConfigError> {
    let refresh = typed(settings, Key::BugsRefresh, DEFAULT_REFRESH_SECONDS, |text| {
        let range = LEAST_REFRESH_SECONDS..=MOST_POLL_SECONDS;
        let seconds = text.parse().ok().filter(|seconds| range.contains(seconds));
        seconds.map(Duration::from_secs).ok_or_else(|| {
            let (least, most) = (LEAST_REFRESH_SECONDS, MOST_POLL_SECONDS);
            format!("{text:?} must be a whole number of seconds from {least} to {most}")
        })
    })?;
    let url = settings.get(Key::BugsBugzillaUrl).map(|_| typed(settings, Key::BugsBugzillaUrl, "", base_url));
    Ok(url.transpose()?.map(|url| BugTracker { url, refresh }))
}

fn base_url(text: &str) -> Result<Url, String> {
    let wrong = || format!("{text:?} must be an http or https URL without user, query and fragment");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if plain { Ok(url) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn settings(keys: &[(Key, &str)]) -> Settings {
        let mut settings = Settings::default();
        for (key, text) in keys {
            settings.set(*key, (*text).into(), Origin::Environment);
        }
        settings
    }

    #[test]
    fn nothing_private_may_be_asked_unless_it_is_said() {
        assert_eq!(fetch(&settings(&[])).unwrap(), FetchOptions::default());
        let hosts =
            [(Key::FetchAllowedHosts, "logs.internal, 10.2.0.0/16"), (Key::FetchAllowPrivate, "true")];
        let options = fetch(&settings(&hosts)).unwrap();
        assert!(options.allow_private);
        assert_eq!(options.allowed_hosts.len(), 2);
        let options = fetch(&settings(&[(Key::FetchOnlyHosts, "logs.example.org")])).unwrap();
        assert_eq!(options.only_hosts, [AllowedHost::Name("logs.example.org".into())]);
        for key in [Key::FetchAllowedHosts, Key::FetchOnlyHosts] {
            for wrong in ["http://logs.internal", "logs.internal:80", "10.2.0.0/40"] {
                assert!(fetch(&settings(&[(key, wrong)])).is_err(), "{wrong}");
            }
        }
    }

    #[test]
    fn github_is_asked_where_it_is_unless_configured() {
        let default = pushes(&settings(&[])).unwrap();
        assert_eq!(default.github_api_url.as_str(), "https://api.github.com/");
        assert_eq!((default.github_token, default.mercurial_poll), (None, Some(Duration::from_secs(300))));
        let set = [(Key::PushesGithubToken, "ghp_x"), (Key::PushesMercurialPoll, "0")];
        let set = pushes(&settings(&set)).unwrap();
        assert_eq!((set.github_token, set.mercurial_poll), (Some(Secret::new("ghp_x".into())), None));
        for (key, wrong) in [
            (Key::PushesGithubApiUrl, "api.github.com"),
            (Key::PushesGithubApiUrl, "https://u:p@h/"),
            (Key::PushesGithubToken, "two words"),
            (Key::PushesMercurialPoll, "-1"),
            (Key::PushesMercurialPoll, "86401"),
        ] {
            assert!(pushes(&settings(&[(key, wrong)])).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bugs_are_refreshed_every_hour_if_a_tracker_is_named() {
        assert_eq!(bugs(&settings(&[])).unwrap(), None);
        let url = (Key::BugsBugzillaUrl, "https://bugzilla.example.org");
        let tracker = bugs(&settings(&[url])).unwrap().unwrap();
        assert_eq!((tracker.url.host_str(), tracker.refresh.as_secs()), (Some("bugzilla.example.org"), 3600));
        for wrong in ["59", "86401", "soon"] {
            assert!(bugs(&settings(&[url, (Key::BugsRefresh, wrong)])).is_err(), "{wrong}");
        }
    }
}
