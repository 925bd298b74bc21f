//! Messages and answers of the hosts, of our own and of the corpus.

use super::{
    AnswerError, BranchFit, CommitPage, Notice, NoticeKind, NoticedBranch, PushDetails, RepositoryAddress,
    Skipped, branch_fits, push_log, push_of_pages, read_push_notice,
};
use crate::domain::{Commit, Push, PushTarget};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::path::PathBuf;

const BASE: &str = "1111111111111111111111111111111111111111";
const HEAD: &str = "2222222222222222222222222222222222222222";
const NOTHING: &str = "0000000000000000000000000000000000000000";

fn read(kind: NoticeKind, message: &Value) -> Result<Notice, String> {
    read_push_notice(kind, &Bytes::from(message.to_string()))
        .map_err(|refused| refused.violations.into_iter().map(|violation| violation.message).collect())
}

fn github_push(base: &str, head: &str) -> Value {
    json!({"organization": "acme", "repository": "quince", "details": {
        "event.base.repo.branch": "main", "event.base.sha": base, "event.head.sha": head,
        "event.head.repo.url": "https://GitHub.com/acme/quince.git"}})
}

#[test]
fn a_push_on_github_is_compared_with_what_was_there() {
    let Ok(Notice::Push(push)) = read(NoticeKind::GitHubPush, &github_push(BASE, HEAD)) else { panic!() };
    assert_eq!(push.repository.as_str(), "https://github.com/acme/quince");
    assert_eq!(push.repository.owner_and_name(), Some(("acme", "quince")));
    assert_eq!(push.branch, NoticedBranch::Named("main".into()));
    assert_eq!(push.details, PushDetails::ToFetch(vec![format!("compare {BASE}...{HEAD}").parse().unwrap()]));
}

#[test]
fn the_commits_of_a_new_branch_are_those_of_the_message() {
    let mut message = github_push(NOTHING, HEAD);
    message["body"] = json!({"commits": [
        {"id": BASE, "timestamp": "2026-01-02T03:04:05+01:00", "message": "one",
         "author": {"name": "Ada", "email": "ada@example.org"}},
        {"id": HEAD, "timestamp": "2026-01-02T03:05:05Z", "message": "two",
         "author": {"name": "Bob", "email": "bob@example.org"}}]});
    let Ok(Notice::Push(notice)) = read(NoticeKind::GitHubPush, &message) else { panic!() };
    let PushDetails::InMessage(push) = notice.details else { panic!() };
    assert_eq!(
        (push.revision.as_str(), &*push.author, push.time.timestamp()),
        (HEAD, "bob@example.org", 1_767_323_105)
    );
    assert_eq!(push.commits[0].author, "Ada <ada@example.org>");
    let empty = read(NoticeKind::GitHubPush, &github_push(NOTHING, HEAD)).unwrap_err();
    assert!(empty.contains("/body/commits"), "{empty}");
}

#[test]
fn a_time_that_no_timestamp_can_say_is_no_time() {
    let late = "+12018-01-01T00:00:00Z";
    let mut message = github_push(NOTHING, HEAD);
    message["body"] = json!({"commits": [{"id": HEAD, "timestamp": late, "message": "one",
        "author": {"name": "Ada", "email": "ada@example.org"}}]});
    assert!(read(NoticeKind::GitHubPush, &message).is_err());
    let mut commit = listed(HEAD, "one");
    commit["commit"]["committer"]["date"] = late.into();
    let answer = json!({"commits": [commit]}).to_string();
    assert!(matches!(push_of_comparison(&[answer]), Err(AnswerError::Unreadable(_))));
}

#[test]
fn what_is_no_push_is_skipped_with_its_reason() {
    let deleted = github_push(BASE, NOTHING);
    assert_eq!(read(NoticeKind::GitHubPush, &deleted), Ok(Notice::Skipped(Skipped::DeletedBranch)));
    for (name, value) in [("event.head.tag", "v1"), ("event.head.ref", "refs/tags/v1")] {
        let mut tag = github_push(BASE, HEAD);
        tag["details"][name] = value.into();
        tag["details"]["event.base.repo.branch"].take();
        assert_eq!(read(NoticeKind::GitHubPush, &tag), Ok(Notice::Skipped(Skipped::Tag)));
    }
    let none = json!({"repo_url": "https://hg.example.org/q", "pushlog_pushes": []});
    assert_eq!(read(NoticeKind::MercurialPush, &none), Ok(Notice::Skipped(Skipped::NoPush)));
}

#[test]
fn a_message_without_what_is_needed_names_it() {
    for name in ["event.base.sha", "event.head.sha", "event.head.repo.url", "event.base.repo.branch"] {
        let mut message = github_push(BASE, HEAD);
        message["details"][name].take();
        assert!(read(NoticeKind::GitHubPush, &message).unwrap_err().contains(name));
    }
    let pull = json!({"details": {"event.base.repo.url": "https://x/a/b", "event.pullNumber": "x"}});
    assert!(read(NoticeKind::GitHubPullRequest, &pull).unwrap_err().contains("event.pullNumber"));
    assert!(read(NoticeKind::MercurialPush, &json!({"a": 1})).unwrap_err().contains("repo_url"));
    assert!(read(NoticeKind::MercurialPush, &json!([])).is_err());
}

#[test]
fn every_entry_of_a_mercurial_message_is_a_push() {
    let message = json!({"payload": {"repo_url": "https://hg.example.org/quince-central/",
        "heads": [HEAD], "pushlog_pushes": [{"pushid": 7}, {"pushid": 9}]}, "_meta": {}});
    let Ok(Notice::Push(push)) = read(NoticeKind::MercurialPush, &message) else { panic!() };
    assert_eq!(push.repository, RepositoryAddress::new("https://hg.example.org/quince-central"));
    assert_eq!(push.details, PushDetails::ToFetch(vec![PushTarget::LogEntry(7), PushTarget::LogEntry(9)]));
}

#[test]
fn a_url_has_one_spelling() {
    for (url, expected) in [
        ("https://GitHub.com/Acme/Quince.git", "https://github.com/Acme/Quince"),
        ("https://github.com/acme/quince/", "https://github.com/acme/quince"),
        ("https://github.com/acme/quince.git/", "https://github.com/acme/quince"),
        ("https://x.github.io/y.github", "https://x.github.io/y.github"),
        ("HTTPS://hg.example.org", "https://hg.example.org"),
    ] {
        assert_eq!(RepositoryAddress::new(url).as_str(), expected);
    }
}

#[test]
fn a_branch_fits_by_name_or_by_a_pattern_at_the_end() {
    for (branch, list, expected) in [
        ("main", "main", Some(BranchFit::Exact)),
        ("main", "master, main", Some(BranchFit::Exact)),
        ("main", "mainline", None),
        ("releases/1", "releases/*", Some(BranchFit::Pattern)),
        ("releases/1", "*,releases/1", Some(BranchFit::Exact)),
        ("releases", "releases/*", None),
        ("anything", "*", Some(BranchFit::Pattern)),
        ("main", "", None),
    ] {
        assert_eq!(branch_fits(branch, list), expected, "{branch} {list:?}");
    }
}

fn push_of_comparison(pages: &[impl AsRef<[u8]>]) -> Result<Push, AnswerError> {
    let pages: Result<_, _> = pages.iter().map(|page| CommitPage::of_comparison(page.as_ref())).collect();
    push_of_pages(pages?)
}

fn push_of_pull_request(pages: &[impl AsRef<[u8]>]) -> Result<Push, AnswerError> {
    let pages: Result<_, _> = pages.iter().map(|page| CommitPage::of_pull_request(page.as_ref())).collect();
    push_of_pages(pages?)
}

fn listed(sha: &str, message: &str) -> Value {
    json!({"sha": sha, "commit": {"message": message,
        "author": {"name": "Ada", "email": "ada@example.org", "date": "2020-01-01T00:00:00Z"},
        "committer": {"name": "Bot", "email": "bot@example.org", "date": "2020-01-02T00:00:00Z"}}})
}

#[test]
fn a_push_is_named_by_its_last_commit_over_all_pages() {
    let pages = [
        json!({"commits": [listed(BASE, "one")]}).to_string(),
        json!({"commits": [listed(HEAD, "two")]}).to_string(),
    ];
    let push = push_of_comparison(&pages).unwrap();
    assert_eq!((push.revision.as_str(), &*push.author), (HEAD, "ada@example.org"));
    assert_eq!(push.time.to_rfc3339(), "2020-01-02T00:00:00+00:00");
    assert_eq!(push.commits.len(), 2);
    assert_eq!(push.commits[0].comments, "one");
    let same = push_of_pull_request(&[json!([listed(BASE, "one"), listed(HEAD, "two")]).to_string()]);
    assert_eq!(same, Ok(push));
}

#[test]
fn an_answer_that_is_none_says_why() {
    assert_eq!(push_of_comparison(&[r#"{"commits": []}"#]), Err(AnswerError::NoCommits));
    assert!(matches!(push_of_comparison(&["{"]), Err(AnswerError::Unreadable(_))));
    assert!(matches!(push_of_pull_request(&["{}"]), Err(AnswerError::Unreadable(_))));
    let unnamed = json!([listed("", "one")]).to_string();
    assert_eq!(push_of_pull_request(&[unnamed]), Err(AnswerError::Revision(String::new())));
    assert!(matches!(push_log(b"[]"), Err(AnswerError::Unreadable(_))));
    let late = json!({"lastpushid": 1, "pushes": {"1": {"date": 1e300, "user": "a", "changesets": [
        {"node": HEAD, "author": "a", "desc": "b"}]}}});
    let log = push_log(late.to_string().as_bytes()).unwrap();
    assert!(matches!(log.pushes[&1], Err(AnswerError::Unreadable(_))));
}

#[test]
fn an_entry_that_cannot_be_read_keeps_nobody_from_the_others() {
    let push = |user: Value| json!({"date": 1, "user": user, "changesets": [{"node": HEAD, "author": "a", "desc": "x"}]});
    let log = json!({"lastpushid": 2, "pushes": {"1": push(Value::Null), "2": push("a".into())}});
    let log = push_log(log.to_string().as_bytes()).unwrap();
    assert!(matches!(log.pushes[&1], Err(AnswerError::Unreadable(_))));
    assert_eq!(log.pushes[&2].as_ref().unwrap().as_ref().unwrap().revision.as_str(), HEAD);
}

#[test]
fn a_push_without_changesets_is_an_obsoleted_one() {
    let log = json!({"lastpushid": 2, "pushes": {
        "1": {"date": 1, "user": "a", "changesets": []},
        "2": {"date": 1469830246.5, "user": "b", "changesets": [
            {"node": BASE, "author": "a", "desc": "x"}, {"node": HEAD, "author": "a", "desc": "y"}]}}});
    let log = push_log(log.to_string().as_bytes()).unwrap();
    assert_eq!((log.last_id, &log.pushes[&1]), (Some(2), &Ok(None)));
    let push = log.pushes[&2].as_ref().unwrap().as_ref().unwrap();
    assert_eq!((push.revision.as_str(), push.commits.len(), push.time.timestamp()), (HEAD, 2, 1_469_830_246));
}

#[test]
fn of_a_large_push_the_newest_commits_are_kept_and_all_are_counted() {
    let changesets: Vec<_> =
        (0..250).map(|n| json!({"node": format!("{n:040}"), "author": "a", "desc": "x"})).collect();
    let log = json!({"lastpushid": 1, "pushes": {"1": {"date": 1, "user": "a", "changesets": changesets}}});
    let log = push_log(log.to_string().as_bytes()).unwrap();
    let push = log.pushes[&1].as_ref().unwrap().as_ref().unwrap();
    assert_eq!((push.commits.len(), push.omitted_commits), (200, 50));
    assert_eq!(push.commits[0].revision.as_str(), format!("{:040}", 50));
    assert_eq!(push.revision.as_str(), format!("{:040}", 249));
}

#[test]
fn what_is_no_revision_never_gets_into_an_address() {
    for name in ["event.base.sha", "event.head.sha"] {
        let mut message = github_push(BASE, HEAD);
        message["details"][name] = "../../../user".into();
        assert!(read(NoticeKind::GitHubPush, &message).unwrap_err().contains(name));
    }
}

/// A file of the corpus; `None`, said aloud, where there is none.
fn corpus(file: &str) -> Option<Bytes> {
    let folder = std::env::var_os("HERDGATE_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let path = folder.join("pushes").join(file);
    let bytes = std::fs::read(&path).ok().map(Bytes::from);
    if bytes.is_none() {
        println!("skipped: no corpus at {}", path.display());
    }
    bytes
}

#[test]
fn real_messages_say_where_to_look() {
    for (file, kind, url) in [
        ("github_push.json", NoticeKind::GitHubPush, "https://github.com/mozilla/test_treeherder"),
        ("github_pr.json", NoticeKind::GitHubPullRequest, "https://github.com/mozilla/test_treeherder"),
        ("hg_push.json", NoticeKind::MercurialPush, "https://hg.mozilla.org/try"),
    ] {
        let Some(message) = corpus(file) else { return };
        let Ok(Notice::Push(push)) = read_push_notice(kind, &message) else { panic!("{file}") };
        assert_eq!(push.repository.as_str(), url);
    }
}

/// All of a push, to be compared with what an answer says.
fn said(push: &Push) -> Value {
    let commit = |commit: &Commit| json!([commit.revision.as_str(), commit.author, commit.comments]);
    json!({
        "revision": push.revision.as_str(), "time": push.time.timestamp(), "author": push.author,
        "commits": push.commits.iter().map(commit).collect::<Vec<_>>(), "omitted": push.omitted_commits,
    })
}

/// What commits of GitHub's say of their push (ingest contract 3.4).
fn of_github(commits: &Value) -> Value {
    let commits = commits.as_array().unwrap();
    let last = commits.last().unwrap();
    let time: DateTime<Utc> = last["commit"]["committer"]["date"].as_str().unwrap().parse().unwrap();
    let commit = |one: &Value| {
        let author = &one["commit"]["author"];
        let author = format!("{} <{}>", author["name"].as_str().unwrap(), author["email"].as_str().unwrap());
        json!([one["sha"], author, one["commit"]["message"]])
    };
    json!({
        "revision": last["sha"], "time": time.timestamp(), "author": last["commit"]["author"]["email"],
        "commits": commits.iter().map(commit).collect::<Vec<_>>(), "omitted": 0,
    })
}

/// What an entry of a push log says of its push (ingest contract 3.6).
fn of_mercurial(logged: &Value) -> Value {
    let changesets = logged["changesets"].as_array().unwrap();
    let omitted = changesets.len().saturating_sub(200);
    let commit = |one: &Value| json!([one["node"], one["author"], one["desc"]]);
    json!({
        "revision": changesets.last().unwrap()["node"], "time": logged["date"], "author": logged["user"],
        "commits": changesets[omitted..].iter().map(commit).collect::<Vec<_>>(), "omitted": omitted,
    })
}

#[test]
fn real_answers_are_pushes_with_all_that_they_say() {
    let parsed = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    if let Some(comparisons) = corpus("github_push_compare.json") {
        for comparison in parsed(&comparisons).as_array().unwrap() {
            let push = push_of_comparison(&[comparison.to_string()]).unwrap();
            assert_eq!(said(&push), of_github(&comparison["commits"]));
        }
    }
    if let Some(commits) = corpus("github_pr_commits.json") {
        let push = push_of_pull_request(std::slice::from_ref(&commits)).unwrap();
        assert_eq!(said(&push), of_github(&parsed(&commits)));
    }
    for file in ["hg_push_commits.json", "hg_pushlog.json"] {
        if let Some(answer) = corpus(file) {
            let log = push_log(&answer).unwrap();
            let entries = parsed(&answer)["pushes"].as_object().unwrap().clone();
            assert_eq!(log.pushes.len(), entries.len(), "{file}");
            for (id, push) in log.pushes {
                let Ok(Some(push)) = push else { panic!("{file} {id}: {push:?}") };
                assert_eq!(said(&push), of_mercurial(&entries[&id.to_string()]), "{file} {id}");
            }
        }
    }
}
