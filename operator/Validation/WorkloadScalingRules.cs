using FluentValidation;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>The rules of <see cref="WorkloadSpec.Scaling"/> across fields.</summary>
internal sealed class WorkloadScalingRules : AbstractValidator<WorkloadSpec>
{
    public WorkloadScalingRules()
    {
        RuleFor(workload => workload.MaxConnections)
            .NotNull()
            .When(workload => workload.Scaling is not null)
            .WithMessage("required where there is scaling");
        RuleFor(workload => workload.Scaling)
            .ChildRules(rules =>
            {
                rules
                    .RuleFor(scaling => scaling!.MaxReplicas)
                    .GreaterThanOrEqualTo(scaling => scaling!.MinReplicas)
                    .WithMessage("must be at least minReplicas");
                rules
                    .RuleFor(scaling => scaling!.ScaleDownThresholdPercent)
                    .LessThan(scaling => scaling!.ScaleUpThresholdPercent)
                    .WithMessage("must be below scaleUpThresholdPercent");
                rules.RuleFor(scaling => scaling!.ScaleUpCooldown).MustBeDuration(TimeSpan.Zero, TimeSpan.FromDays(1));
                rules.RuleFor(scaling => scaling!.ScaleDownCooldown).MustBeDuration(TimeSpan.Zero, TimeSpan.FromDays(1));
            })
            .When(workload => workload.Scaling is not null);
    }
}
