//! Words that identify nobody: public names, and what people call folders, users and hosts everywhere.
//!
//! The last gate takes the user's own words out of paths, arguments and variables. Most of these are not the user's
//! at all (`/workspace/axolotl`, `train`, `ubuntu`), and an event may well hold them for a good reason.

use crate::event::EventName;
use crate::event::value::Field;
use crate::knowledge::lists::SIGNAL_NAMES;
use crate::public::{config_keys, models, version};
use std::collections::HashSet;
use std::sync::LazyLock;

/// One word a piece, in lower case: users, hosts and folders of the usual images and clusters, launchers and
/// programs, and the words that our own constants are made of.
const COMMON: &str = "
    about access account actions active adapter admin administrator agent agents alpha alpine amazon amazonaws analysis
    apache apps archive arch argument arguments artifact artifacts assets async attempt auth auto automatic azure azureuser
    azureml backup backups base bash batch beta bigdata binary bitbucket bitnami block boot branch broken browser buffer build
    builds builder bundle byte bytes cache cached caches call catalog center central centos change chart check checkpoint checkpoints
    child circleci class clean cleanup client cloud cluster clusters coder code codespace codespaces colab collection command
    commands commit common compute computer conda config configs configuration connection console container containers content
    context control controller core corrupted count crash crashed create cron cuda current custom customer daemon data database
    databricks dataset datasets date debian debug default defaults delete demo deploy desktop detail details dev devel develop
    developer development device devices disk dist distributed docker document documents domain done download downloads drive driver
    drop dump dynamic editor elastic empty enable engine engineer entry entrypoint environment envs epoch epochs error errors evaluate
    evaluation event events evidence example examples exception exec execute exit experiment experiments export external extra fail failed
    failure fatal fedora feature file files final finetune finetunes finetuning finetuned finish first flag folder force foreground
    format frame frames free frozen full function general generated generic git github gitlab global good google gpu gpus graph group groups
    guest handler hash head heap help high history home host hosts http https hub huggingface image images import inference info
    init initial input inputs install instance int internal invalid ipykernel item items iterations java jenkins job jobs jovyan json
    jupyter jupyterhub kaggle kernel keys kill killed kubernetes lab label labels lambda large last latest launch launcher layer lib
    libs library license lightning limit line lines link linux list load loader local localdomain localhost lock log login logs loss lost
    low lustre machine main maintenance manager manual master math maximum media medium memory merge merged message messages meta metric
    metrics migration minimum misc missing mix mode model models module modules monitor most mount multi name named names native ndata near
    network networks node nodes none normal notebook notebooks null nvidia object offline online open opensuse operator opt option options
    oracle order origin orphan other output outputs owner package packages paperspace parallel param parameter parameters parent part
    partition parts password path paths pending personal pip pipeline platform plot plugin plugins podman point pool port post power
    prepared preprocess preprocessing preprocessed prime private process processed processes product production profile program programs
    progress project projects prompt prompts proxy public pull push python quality query queue rank random raw read recent record
    records recovery redhat region registry release releases remote report reports repo repos repository request requests reset
    resource resources response rest result results resume return root rocky runner runners running runpod runs runtime sagemaker
    sample samples sandbox save saved scale schedule scheduler schema scratch script scripts search secret secrets section security
    segmentation sequence serial server servers service services session sessions settings setup sft shape share shared sharedscratch shell
    show signal simple single site size slow slurm slurmstepd small snapshot snapshots socket software source sources spawn special spool stable
    stack stage staging standard start startup state static stats status stderr stdin stdout step steps stop storage store stream string
    studio sub submit success summary super supervisor support suse sweep sweeps switch system tables target task tasks team teams
    temp temporary term terminal terminated test tester testing tests text thread threads time timeout tmp token tokens tool tools
    torchrun total trace traceback track trained trainer training transfer tree trial tuning type types ubuntu ultra unit universal unknown
    unlisted update upload uploads user users usr util utility utils vagrant valid value values vast vendor venv verdict verify version
    versions view virtual virtualenv virtualenvs visible vision vmadmin volume volumes vscode wait warning watch watchdog weights web wheel
    wheels width window windows work worker workers workdir workflow working workspace workspaces world wrapper write yaml yarn zero zones
    accelerate axolotl-run bin cfg csv deepspeed etc fsdp jsonl lora main mpirun nvme parquet py qlora rlhf sh sft srun sbatch
    ssd ssh ssl torch txt uv var vllm wandb yml zsh miniconda miniconda3 anaconda anaconda3 mambaforge miniforge miniforge3 micromamba
    cli www api llm mlops nlp com net aws gcp pre post llama mistral qwen inc lan internal eks gke aks fluid nfs gpfs weka ceph
    sxm pcie geforce rtx gtx tesla quadro hbm nvl amd instinct radeon intel gaudi arc grace hopper blackwell ada ampere laptop mig
    titan generation superchip workstation max pro xeon epyc ryzen threadripper neoverse graviton
    outlier peak pid pids rss cgroup kernel joules watts celsius utilization throttled energy recent call interrupted bus fault hang stalled
    diverged nan likely medium confidence unresponsive collective nccl oom exhausted outofmemory user_code other_package
    barrier broadcast collectives compared desync fingerprints gather joined lagging lags mismatch monitored nobody peer reduce rendezvous scatter silent stuck timeouts unreachable untold
";

static WORDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut words: HashSet<String> = COMMON.split_whitespace().flat_map(pieces).collect();
    words.extend(models::words().map(str::to_owned));
    words.extend(
        version::PACKAGES
            .iter()
            .copied()
            .chain(config_keys::vocabulary())
            .flat_map(pieces),
    );
    let mut names = Vec::new();
    for event in EventName::ALL {
        names.push(event.as_str());
        collect(&event.fields(), &mut names);
    }
    collect(&crate::event::common_fields(), &mut names);
    words.extend(names.into_iter().flat_map(pieces));
    // Whoever types `timeout -s SIGKILL` must still be told how the run ended.
    words.extend(SIGNAL_NAMES.iter().flat_map(|name| pieces(name)));
    words
});

/// Public texts as a whole, for which the alphabet of the rest does not hold.
static TEXTS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| config_keys::vocabulary().collect());

fn collect(fields: &[Field], names: &mut Vec<&'static str>) {
    for field in fields {
        names.push(field.name);
        collect(field.kind.members(), names);
    }
}

/// The words of a text: runs of letters, and runs of digits, in lower case.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = String> {
    let letters = text.split(|c: char| !c.is_alphabetic());
    letters
        .filter(|piece| !piece.is_empty())
        .map(str::to_lowercase)
}

/// Whether a text is made of public words, and of numbers too short to be anybody's.
pub fn is_public(text: &str) -> bool {
    let short_numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .all(|digits| digits.len() <= 4);
    short_numbers && pieces(text).all(|piece| piece.chars().count() <= 2 || WORDS.contains(&piece))
}

/// Whether a text is a key or a value of the public schema.
pub fn is_public_text(text: &str) -> bool {
    TEXTS.contains(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_has_is_public_and_what_one_has_is_not() {
        for (text, public) in [
            ("training", true),
            ("localhost", true),
            ("axolotl", true),
            ("axolotl-run", true),
            ("/workspace/axolotl", true),
            ("train", true),
            ("ubuntu", true),
            ("adamw_bnb_8bit", true),
            ("Llama-3.1-8B", true),
            ("llama3_finetune_v2", true),
            ("ip-10-0-3-17", true),
            ("SIGKILL", true),
            ("SIGUSR1", true),
            ("jdoe42", false),
            ("acmecorp", false),
            ("acme-corp", false),
            ("takeover", false),
            ("/home/jdoe", false),
            ("j\u{fc}rgen", false),
            ("15551234567", false),
        ] {
            assert_eq!(is_public(text), public, "{text}");
        }
    }

    #[test]
    fn the_schema_s_texts_are_public_as_a_whole() {
        assert!(
            is_public_text("<|endoftext|>")
                && is_public_text("adamw_bnb_8bit")
                && !is_public_text("acme")
        );
    }
}
