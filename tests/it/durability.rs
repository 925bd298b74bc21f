//! A PostgreSQL that may lose what it said it has.

use crate::harness::command::{herdgate_on, run};
use crate::harness::postgres::PrivatePostgres;
use crate::harness::submitting::new_push;
use crate::harness::{Database, Gateway};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_flush_is_refused_unless_the_operator_says_so() {
    let Some(server) = PrivatePostgres::start_new().await else { return };
    let database = Database::on_server(&server.url()).await;
    let mut gateway = Gateway::on(&database).with_variable("HERDGATE_DATABASE_UNSAFE", "true").start().await;
    for setting in ["fsync", "full_page_writes"] {
        server.set(setting, "off").await;
        let refused = run(herdgate_on(&database).arg("serve").env("HERDGATE_LISTEN", "127.0.0.1:0")).await;
        assert_eq!(refused.code, Some(64), "{setting}: {refused:?}");
        for word in [setting, "database.unsafe"] {
            assert!(refused.stderr.contains(word), "{word}: {refused:?}");
        }
        gateway.kill().await;
        gateway.restart().await;
        new_push(&gateway).await;
        let ready = gateway.get("/readyz").await;
        assert_eq!(ready.status, 200);
        assert!(ready.body.windows(15).any(|words| words == b"database.unsafe"), "{ready:?}");
        server.set(setting, "on").await;
    }
}
