using FluentValidation;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>The rules of <see cref="ScalingSpec"/> across fields.</summary>
internal sealed class ScalingRules : AbstractValidator<ScalingSpec>
{
    private const int DefaultMinReplicas = 2;

    public ScalingRules()
    {
        RuleFor(spec => spec.MaxReplicas).NotNull().When(spec => spec.Driver is not null).WithMessage("required where there is a driver");
        RuleFor(spec => spec.MaxReplicas)
            .Must((spec, most) => (spec.MinReplicas ?? DefaultMinReplicas) <= most)
            .When(spec => spec.MaxReplicas is not null)
            .WithMessage($"must be at least minReplicas ({DefaultMinReplicas} where that is left out)");
        RuleFor(spec => spec.ScaleDownThresholdPercent)
            .LessThan(spec => spec.ScaleUpThresholdPercent)
            .WithMessage("must be below scaleUpThresholdPercent");
        RuleFor(spec => spec.MinReplicas)
            .NotEqual(0)
            .When(spec => spec.Driver == ScalingDrivers.HorizontalPodAutoscaler)
            .WithMessage("a HorizontalPodAutoscaler needs one at least");
        RuleFor(spec => spec.MinReplicas)
            .NotEqual(0)
            .When(spec =>
                spec.Driver == ScalingDrivers.Operator
                && spec.Schedules.All(static schedule => schedule.MinReplicas == 0)
                && spec.Buffer?.Connections is null or 0
            )
            .WithMessage(
                "must be 1 at least where no schedule and no buffer.connections brings gateways back: nobody could connect to none"
            );
        RuleFor(spec => spec.ScaleUpCooldown).MustBeDuration(TimeSpan.Zero, TimeSpan.FromDays(1));
        RuleFor(spec => spec.ScaleDownCooldown).MustBeDuration(TimeSpan.Zero, TimeSpan.FromDays(1));
        RuleForEach(spec => spec.Schedules)
            .ChildRules(rules =>
                rules
                    .RuleFor(schedule => schedule.TimeZone)
                    .Must(zone => TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _))
                    .WithMessage((_, zone) => $"'{zone}' is no time zone that the operator knows, such as Europe/Zurich")
            );
    }
}
