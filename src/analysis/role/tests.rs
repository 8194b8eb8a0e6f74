use super::*;

fn role(name: &str) -> Role {
    classify(name).role
}

#[test]
fn train_and_eval_losses_are_never_confused() {
    for name in ["loss", "train/loss", "train_loss", "Train Loss", "training.loss", "trainLoss"] {
        assert_eq!(role(name), Role::TrainLoss, "{name}");
    }
    for name in ["train_loss_step", "train/loss_epoch", "total_loss", "train/avg_loss"] {
        assert_eq!(role(name), Role::TrainLoss, "{name}");
    }
    for name in
        ["eval_loss", "eval/loss", "val_loss", "validation-loss", "test/loss", "valLoss", "valloss"]
    {
        assert_eq!(role(name), Role::EvalLoss, "{name}");
    }
    // The namespace of a logger does not outweigh the nearer word.
    assert_eq!(role("train/eval_loss"), Role::EvalLoss);
    assert_eq!(classify("train/eval_mae").split, Some(Split::Eval));
    assert_eq!(classify("loss").split, None);
}

#[test]
fn a_part_of_a_loss_is_not_the_loss() {
    for name in ["aux_loss", "train/box_loss", "router_z_loss", "eval/cls_loss", "kl_loss"] {
        assert_eq!(role(name), Role::LossPart, "{name}");
    }
    for name in ["d_loss", "loss/generator", "train/policy_loss", "critic_loss", "value_loss"] {
        assert_eq!(role(name), Role::AdversarialLoss, "{name}");
        assert_eq!(classify(name).direction, None, "{name}");
    }
    for name in ["loss_scale", "best_val_loss", "loss_std", "loss_weight"] {
        assert_eq!(role(name), Role::Other, "{name}");
    }
}

#[test]
fn scores_and_errors_have_their_direction() {
    for name in ["val_acc", "eval/f1", "metrics/mAP50-95(B)", "eval/mean_token_accuracy", "testacc"]
    {
        let found = classify(name);
        assert_eq!((found.role, found.direction), (Role::Score, Some(Direction::Max)), "{name}");
    }
    for name in ["eval/wer", "val_rmse", "perplexity", "test/mean_absolute_error"] {
        let found = classify(name);
        assert_eq!((found.role, found.direction), (Role::Error, Some(Direction::Min)), "{name}");
    }
    assert_eq!(classify("neg_mean_squared_error").direction, Some(Direction::Max));
    assert_eq!(classify("eval/loss").direction, Some(Direction::Min));
    assert_eq!(classify("reward").direction, Some(Direction::Max));
}

#[test]
fn the_optimizer_is_recognised() {
    for name in ["lr", "train/learning_rate", "lr-AdamW/pg1", "lr/pg0", "learningRate"] {
        assert_eq!(role(name), Role::LearningRate, "{name}");
    }
    for name in ["grad_norm", "train/grad_norm", "grad/norm", "grad_2.0_norm_total", "gradNorm"] {
        assert_eq!(role(name), Role::GradientNorm, "{name}");
    }
    assert_eq!(role("grad_norm/layer.3.weight"), Role::Other);
}

#[test]
fn preference_and_reinforcement_learning_are_recognised() {
    assert_eq!(role("train/rewards/margins"), Role::PreferenceMargin);
    assert_eq!(role("rewards/accuracies"), Role::PreferenceAccuracy);
    assert_eq!(role("train/rewards/chosen"), Role::ChosenReward);
    assert_eq!(role("train/rewards/format_reward/mean"), Role::RewardPart);
    assert_eq!(role("train/rewards/format_reward/std"), Role::Other);
    assert_eq!(role("rollout/ep_rew_mean"), Role::Reward);
    assert_eq!(role("train/reward_std"), Role::RewardSpread);
    assert_eq!(role("frac_reward_zero_std"), Role::ZeroSpreadShare);
    assert_eq!(role("objective/kl"), Role::Kl);
    assert_eq!(role("train/entropy"), Role::Entropy);
}

#[test]
fn speed_and_system_are_recognised() {
    assert_eq!(role("train/samples_per_second"), Role::Throughput);
    assert_eq!(role("tok/s"), Role::Throughput);
    assert_eq!(role("seconds_per_step"), Role::StepTime);
    assert_eq!(role("step_time"), Role::StepTime);
    assert_eq!(role("gpu/0/utilization"), Role::GpuUtilization);
    assert_eq!(role("gpu/mean_utilization"), Role::GpuUtilization);
    assert_eq!(role("gpu/1/allocated_memory"), Role::GpuMemory);
    assert_eq!(role("gpu/0/memory_utilization"), Role::Other);
    assert_eq!(role("train/epoch"), Role::Epoch);
    assert_eq!(role("num_tokens"), Role::Counter);
}

#[test]
fn odd_names_do_no_harm() {
    for name in ["", "/", "train", "метрика", "💥", "a/b/c", "1"] {
        assert_eq!(role(name), Role::Other, "{name}");
    }
}

/// Names that trainers and libraries log, with what each must be taken for.
#[test]
fn the_names_of_usual_trainers() {
    use Role::*;
    let table: &[(Role, &[&str])] = &[
        (
            TrainLoss,
            &[
                "loss/train",
                "training_loss",
                "trainer/loss",
                "Loss/train",
                "train/loss_step",
                "epoch_loss",
                "running_loss",
                "train/mean_loss",
                "loss_metrics/global_avg_loss",
                "global_avg_loss",
                "lm-loss-training/lm loss",
                "sft/loss",
                "train/xent",
                "ce",
                "CrossEntropyLoss",
                "MSELoss",
                "train_nll_loss",
                "lossTrain",
                "Training Loss",
            ],
        ),
        (
            EvalLoss,
            &[
                "loss/val",
                "validation/loss",
                "valid_loss",
                "Loss/validation",
                "val/loss_epoch",
                "eval/eval_loss",
                "dev_loss",
                "held_out_loss",
                "heldout/loss",
                "val/ce",
                "val_xent",
                "lm-loss-validation/lm loss validation",
                "eval/nll",
                "Val Loss",
            ],
        ),
        (
            LossPart,
            &[
                "moe_aux_loss",
                "train/dfl_loss",
                "loss_giou",
                "kl_loss",
                "entropy_loss",
                "train/entropy_loss",
                "load_balancing_loss",
                "eval_wikitext_loss",
            ],
        ),
        (
            AdversarialLoss,
            &[
                "actor_loss",
                "losses/value_loss",
                "train/policy_gradient_loss",
                "ppo/loss/total",
                "critic/vf_loss",
                "loss_G",
                "D_loss",
                "qf1_loss",
                "actor/pg_loss",
                "loss/critic",
            ],
        ),
        (
            Score,
            &[
                "acc@1",
                "recall@10",
                "val_sparse_categorical_accuracy",
                "eval/exact_match",
                "metrics/mAP50(B)",
                "mean_token_accuracy",
                "eval_rougeL",
                "val_auc",
                "test/top1",
            ],
        ),
        (
            Error,
            &[
                "val/bpb",
                "bits_per_byte",
                "val/bits_per_char",
                "eval_perplexity",
                "train_ppl",
                "val_root_mean_squared_error",
                "error_rate",
                "eval/wer",
            ],
        ),
        (LearningRate, &["lr_0", "optimizer/lr", "lrs/0", "train/global_lr", "lr-AdamW/pg1"]),
        (
            GradientNorm,
            &["optim/total_grad_norm", "actor/grad_norm", "l2_norm/grad/global", "gnorm"],
        ),
        (
            Reward,
            &[
                "reward/mean",
                "critic/rewards/mean",
                "episode_reward_mean",
                "charts/episodic_return",
                "rollout/ep_rew_mean",
                "eval/mean_reward",
                "env/reward_mean",
            ],
        ),
        (RewardPart, &["train/rewards/correctness_reward_func", "rewards/accuracy_reward/mean"]),
        (Kl, &["kl_div", "train/approx_kl", "losses/approx_kl", "ppo/policy/approxkl"]),
        (Entropy, &["losses/entropy", "policy/entropy"]),
        (PreferenceMargin, &["rewards/margins", "eval_rewards/margins"]),
        (PreferenceAccuracy, &["eval/rewards/accuracies"]),
        (Throughput, &["throughput(tps)", "tokens_per_second_per_gpu", "train_steps_per_second"]),
        (Counter, &["trainer/global_step", "train/num_input_tokens_seen"]),
        (
            Other,
            &[
                "critic/rewards/max",
                "min_reward",
                "time_metrics/end_to_end(s)",
                "grad_scale",
                "logps/chosen",
                "train/logits/rejected",
                "completions/mean_length",
                "ent_coef",
            ],
        ),
    ];
    for (expected, names) in table {
        for name in *names {
            assert_eq!(role(name), *expected, "{name}");
        }
    }
}
