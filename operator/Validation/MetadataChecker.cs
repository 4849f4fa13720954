using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Mooring.Operator.Validation;

/// <summary>Checks a manifest's metadata as far as people write it; what the cluster adds is taken out.</summary>
internal static partial class MetadataChecker
{
    private static readonly string[] Texts = ["name", "namespace"];
    private static readonly string[] Maps = ["labels", "annotations"];

    // What `kubectl get -o yaml` shows besides.
    private static readonly string[] OfTheCluster =
    [
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    ];

    public static IReadOnlyList<FieldError> Check(JsonObject manifest)
    {
        if (manifest["metadata"] is not JsonObject metadata)
        {
            return [];
        }

        var errors = new List<FieldError>();
        foreach (var (name, value) in metadata.ToList())
        {
            var path = FieldPath.Child("metadata", name);
            if (value is null || OfTheCluster.Contains(name))
            {
                metadata.Remove(name);
            }
            else if (Maps.Contains(name))
            {
                CheckMap(metadata, name, path, errors);
            }
            else if (!Texts.Contains(name))
            {
                metadata.Remove(name);
                errors.Add(
                    new FieldError(
                        path,
                        Spelling.Nearest(name, Texts.Concat(Maps)) is { } nearest
                            ? $"unknown field; did you mean {nearest}?"
                            : "unknown field"
                    )
                );
            }
            else if (value.GetValueKind() != JsonValueKind.String)
            {
                metadata.Remove(name);
                errors.Add(new FieldError(path, "must be a text"));
            }
            else if (!ObjectName().IsMatch(value.GetValue<string>()))
            {
                errors.Add(
                    new FieldError(path, "must be lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit")
                );
            }
        }

        return errors;
    }

    private static void CheckMap(JsonObject metadata, string name, string path, List<FieldError> errors)
    {
        if (metadata[name] is not JsonObject map)
        {
            metadata.Remove(name);
            errors.Add(new FieldError(path, "must be an object of texts"));
            return;
        }

        foreach (var (key, value) in map.ToList().Where(entry => entry.Value?.GetValueKind() != JsonValueKind.String))
        {
            map.Remove(key);
            errors.Add(new FieldError(FieldPath.Key(path, key), "must be a text; put it in quotes"));
        }
    }

    [GeneratedRegex(@"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ObjectName();
}
