using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentValidation;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>Labels, annotations and tolerations as Kubernetes has them. The CRD cannot say it (a pattern on a map's keys), and a bad one would fail at the Deployment.</summary>
internal sealed partial class PodTemplateRules : AbstractValidator<PodTemplate>
{
    private const string LabelValueMeaning = "at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";

    public PodTemplateRules()
    {
        RuleFor(template => template)
            .Custom(
                (template, context) =>
                {
                    CheckLabels(nameof(template.Labels), template.Labels, context);
                    CheckKeys(nameof(template.Annotations), template.Annotations, context);
                    CheckLabelMap(nameof(template.NodeSelector), template.NodeSelector, context);
                    foreach (var (index, toleration) in template.Tolerations.Index())
                    {
                        CheckToleration($"{nameof(template.Tolerations)}[{index}]", toleration, context);
                    }

                    if (template.DnsPolicy == "None" && template.DnsConfig?["nameservers"] is not JsonArray { Count: > 0 })
                    {
                        context.AddFailure(nameof(template.DnsConfig), "must have nameservers with dnsPolicy None");
                    }
                }
            );
    }

    private static void CheckToleration(string path, TolerationSpec toleration, ValidationContext<PodTemplate> context)
    {
        var (exists, value) = (toleration.Operator == "Exists", toleration.Value ?? "");
        if (string.IsNullOrEmpty(toleration.Key) && !exists)
        {
            context.AddFailure($"{path}.{nameof(toleration.Operator)}", "must be Exists where there is no key");
        }
        else if (!string.IsNullOrEmpty(toleration.Key) && !QualifiedName().IsMatch(toleration.Key))
        {
            context.AddFailure($"{path}.{nameof(toleration.Key)}", $"must be {Patterns.QualifiedNameMeaning}");
        }

        if (exists && value.Length > 0)
        {
            context.AddFailure($"{path}.{nameof(toleration.Value)}", "is for operator Equal");
        }
        else if (!LabelValue().IsMatch(value))
        {
            context.AddFailure($"{path}.{nameof(toleration.Value)}", $"must be {LabelValueMeaning}, not '{value}'");
        }

        if (toleration is { TolerationSeconds: not null, Effect: not "NoExecute" })
        {
            context.AddFailure($"{path}.{nameof(toleration.Effect)}", "must be NoExecute with tolerationSeconds");
        }
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
            context.AddFailure($"{property}[{key}]", $"must be {LabelValueMeaning}, not '{value}'");
        }
    }

    internal static bool IsQualifiedName(string text) => QualifiedName().IsMatch(text);

    // Not before a line break at the end either, which $ alone lets through.
    [GeneratedRegex(Patterns.QualifiedName + @"(?!\n)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex QualifiedName();

    [GeneratedRegex(@"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LabelValue();
}
