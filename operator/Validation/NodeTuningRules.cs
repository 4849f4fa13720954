using FluentValidation;
using Mooring.Contracts.Tuning;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>Values of kernel settings have the form that the kernel reads: the operator's alone to say.</summary>
internal sealed class NodeTuningRules : AbstractValidator<NodeTuningSpec>
{
    public NodeTuningRules()
    {
        RuleForEach(spec => spec.Sysctls)
            .ChildRules(rules =>
                rules
                    .RuleFor(sysctl => sysctl.Value)
                    .Custom(
                        (value, context) =>
                        {
                            if (
                                SysctlTable.TryFind(context.InstanceToValidate.Name, out var row)
                                && SysctlValue.Check(row, value) is { } problem
                            )
                            {
                                context.AddFailure(problem);
                            }
                        }
                    )
            );
        RuleForEach(spec => spec.Exclude)
            .Must(name => SysctlTable.TryFind(name, out _) || SysctlTable.Modules.Contains(name, StringComparer.Ordinal))
            .WithMessage((_, name) => $"'{name}' is no setting or module that a profile has");
    }
}
