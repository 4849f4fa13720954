using System.Globalization;
using FluentValidation;
using Mooring.Contracts.Tuning;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning.Tuning;

namespace Mooring.Operator.Validation;

/// <summary>Values of kernel settings have the form that the kernel reads: the operator's alone to say.</summary>
internal sealed class NodeTuningRules : AbstractValidator<NodeTuningSpec>
{
    private const string Range = "net.ipv4.ip_local_port_range";
    private const string Unprivileged = "net.ipv4.ip_unprivileged_port_start";

    // Of a new network namespace.
    private const int FirstUnprivileged = 1024;
    private const int FirstOfRange = 32768;

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
        RuleFor(spec => spec.Sysctls).Custom(static (_, context) => CheckPorts(context));
        RuleForEach(spec => spec.Exclude)
            .Must(name => SysctlTable.TryFind(name, out _) || SysctlTable.Modules.Contains(name, StringComparer.Ordinal))
            .WithMessage((_, name) => $"'{name}' is no setting or module that a profile has");
    }

    /// <summary>The kernel takes no range of outgoing ports that begins among privileged ones, and a pod gets both settings in no certain order.</summary>
    private static void CheckPorts(ValidationContext<NodeTuningSpec> context)
    {
        var spec = context.InstanceToValidate;
        var sysctls = TuningProfiles.Of(spec).Sysctls;
        var first = First(sysctls, Range, FirstOfRange);
        for (var i = 0; i < spec.Sysctls.Count; i++)
        {
            if (spec.Sysctls[i].Name == Range && first < FirstUnprivileged)
            {
                context.AddFailure($"Sysctls[{i}].Value", $"must begin at {FirstUnprivileged} or above");
            }
            else if (spec.Sysctls[i].Name == Unprivileged && First(sysctls, Unprivileged, 0) > Math.Min(first, FirstOfRange))
            {
                context.AddFailure(
                    $"Sysctls[{i}].Value",
                    $"must be at most {Math.Min(first, FirstOfRange)}, where the range of outgoing ports begins"
                );
            }
        }
    }

    /// <summary>The first number of a setting; of one that is not set, or not well, <paramref name="otherwise"/>.</summary>
    private static int First(IReadOnlyDictionary<string, string> sysctls, string name, int otherwise) =>
        sysctls.TryGetValue(name, out var value)
        && SysctlTable.TryFind(name, out var row)
        && SysctlValue.Check(row, value) is null
        && int.TryParse(value.Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            ? first
            : otherwise;
}
