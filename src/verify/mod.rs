use crate::{
    facts::Facts,
    fleet::{Fleet, Member},
    model::cluster::Cluster,
};
use std::time::Duration;
pub struct Check {
    pub id: &'static str,
    pub host: String,
    pub ok: bool,
    pub what: String,
    pub expected: String,
    pub seen: String,
    pub hint: Option<String>,
    pub journal: Vec<String>,
}
pub struct Limits {
    pub listen: Duration,
    pub blocks: Duration,
}
pub async fn run(_: &mut Fleet, _: &[Member], _: &Cluster, _: &Facts, _: &Limits) -> Vec<Check> {
    Vec::new()
}
