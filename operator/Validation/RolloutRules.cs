using FluentValidation;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

internal sealed class RolloutRules : AbstractValidator<RolloutSpec>
{
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Greatest = TimeSpan.FromHours(1);

    public RolloutRules()
    {
        RuleFor(rollout => rollout.ProgressDeadline)
            .Must(static text => !Duration.TryParse(text, out var value) || (value >= Least && value <= Greatest))
            .WithMessage("must be 10s to 1h");
        RuleFor(rollout => rollout.MinReadySeconds)
            .Must(
                static (rollout, seconds) =>
                    seconds is not { } given
                    // Whole seconds, as the Deployment's.
                    || given
                        < (int)
                            (
                                Duration.TryParse(rollout.ProgressDeadline, out var deadline) ? deadline : FleetDefaults.ProgressDeadline
                            ).TotalSeconds
            )
            .WithMessage("minReadySeconds must be less than progressDeadline");
    }
}
