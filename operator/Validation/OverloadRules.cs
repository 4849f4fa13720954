using FluentValidation;
using Mooring.Contracts.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

internal sealed class OverloadRules : AbstractValidator<OverloadSpec>
{
    public OverloadRules()
    {
        var defaults = new OverloadConfig();
        RuleFor(overload => overload.MemoryLimit).Must(IsMemory).WithMessage("must be Auto or 64Mi to 16Ti");
        RuleFor(overload => overload.PauseAtPercent)
            .Must((overload, pause) => (pause ?? defaults.PauseAtPercent) > (overload.ShedAtPercent ?? defaults.ShedAtPercent))
            .WithMessage("(default 97) must be above shedAtPercent (default 90)");
    }

    private static bool IsMemory(IntOrString? value) =>
        value is not { } given
        || given.Text == "Auto"
        || (
            Quantity.IsValid(given.ToString())
            && Quantity.Compare(given.ToString(), "64Mi") >= 0
            && Quantity.Compare(given.ToString(), "16Ti") <= 0
        );
}
