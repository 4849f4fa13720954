using System.Text.RegularExpressions;
using FluentValidation;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>Labels and annotations as Kubernetes has them. The CRD cannot say it (a pattern on a map's keys), and a bad one would fail at the Deployment.</summary>
internal sealed partial class PodTemplateRules : AbstractValidator<PodTemplate>
{
    public PodTemplateRules()
    {
        RuleFor(template => template)
            .Custom(
                (template, context) =>
                {
                    CheckLabels(nameof(template.Labels), template.Labels, context);
                    CheckKeys(nameof(template.Annotations), template.Annotations, context);
                    CheckLabelMap(nameof(template.NodeSelector), template.NodeSelector, context);
                    if (template is { DnsPolicy: "None", DnsConfig: null })
                    {
                        context.AddFailure(nameof(template.DnsConfig), "required with dnsPolicy None");
                    }
                }
            );
    }

    /// <summary>Labels that the user gives an object of the fleet.</summary>
    internal static void CheckLabels<T>(string property, IReadOnlyDictionary<string, string>? labels, ValidationContext<T> context)
    {
        CheckLabelMap(property, labels, context);
        foreach (var key in (labels?.Keys ?? []).Where(key => key.StartsWith(FleetApi.Group + "/", StringComparison.Ordinal)))
        {
            context.AddFailure($"{property}[{key}]", $"labels of {FleetApi.Group} are the operator's own");
        }
    }

    internal static void CheckLabelMap<T>(string property, IReadOnlyDictionary<string, string>? map, ValidationContext<T> context)
    {
        CheckKeys(property, map, context);
        CheckValues(property, map, context);
    }

    internal static void CheckKeys<T>(string property, IReadOnlyDictionary<string, string>? map, ValidationContext<T> context)
    {
        foreach (var key in (map?.Keys ?? []).Where(key => !QualifiedName().IsMatch(key)))
        {
            context.AddFailure($"{property}[{key}]", $"the key must be {Patterns.QualifiedNameMeaning}");
        }
    }

    private static void CheckValues<T>(string property, IReadOnlyDictionary<string, string>? map, ValidationContext<T> context)
    {
        foreach (var (key, value) in (map ?? new Dictionary<string, string>()).Where(entry => !LabelValue().IsMatch(entry.Value)))
        {
            context.AddFailure(
                $"{property}[{key}]",
                $"must be at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, not '{value}'"
            );
        }
    }

    // Not before a line break at the end either, which $ alone lets through.
    [GeneratedRegex(Patterns.QualifiedName + @"(?!\n)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex QualifiedName();

    [GeneratedRegex(@"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LabelValue();
}
