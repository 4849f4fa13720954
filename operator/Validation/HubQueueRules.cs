using FluentValidation;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>What the schema cannot say of a Hub's queues.</summary>
internal sealed class HubQueueRules : AbstractValidator<HubQueueSpec>
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    public HubQueueRules()
    {
        RuleFor(queue => queue.AckTimeout).MustBeBetween(Second, TimeSpan.FromHours(1));
        RuleFor(queue => queue.MinBackoff).MustBeBetween(TimeSpan.Zero, TimeSpan.FromHours(1));
        RuleFor(queue => queue.MaxBackoff).MustBeBetween(TimeSpan.Zero, TimeSpan.FromDays(1));
        RuleFor(queue => queue.MaxBackoff)
            .Must(
                static (queue, text) =>
                    !Duration.TryParse(text, out var longest) || !Duration.TryParse(queue.MinBackoff, out var first) || longest >= first
            )
            .WithMessage("must be at least minBackoff");
        RuleFor(queue => queue.JobTtl).MustBeBetween(Second, TimeSpan.FromDays(30));
        RuleFor(queue => queue.Groups)
            .Must(static groups => groups.Distinct(StringComparer.Ordinal).Count() == groups.Count)
            .WithMessage("must be different names");
    }
}
