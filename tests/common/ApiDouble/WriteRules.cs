using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Mooring.Testing.ApiDouble;

/// <summary>What the real server checks and keeps of every object, whatever its kind.</summary>
internal static partial class WriteRules
{
    private static readonly string[] Kept =
    [
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "resourceVersion",
        "name",
        "namespace",
    ];

    // Kubernetes' own kinds that count no generations.
    private static readonly HashSet<string> WithoutGeneration =
    [
        "configmaps",
        "secrets",
        "services",
        "serviceaccounts",
        "events",
        "leases",
        "namespaces",
        "nodes",
    ];

    public static bool HasGeneration(ApiPath path) => path.IsCustom || !WithoutGeneration.Contains(path.Plural);

    /// <exception cref="ApiException">The name is none.</exception>
    public static void CheckName(ApiPath path, JsonObject value)
    {
        var name = (string?)value["metadata"]?["name"];
        if (name is not null && !NameRule().IsMatch(name))
        {
            throw ApiException.Invalid(
                path with
                {
                    Name = name,
                },
                Kind(value),
                "metadata.name",
                "FieldValueInvalid",
                $"Invalid value: \"{name}\""
            );
        }
    }

    /// <exception cref="ApiException">A replacement that says nothing of the version, of a kind that wants it said.</exception>
    public static void CheckReplacement(ApiPath path, JsonObject value)
    {
        if (
            string.IsNullOrEmpty((string?)value["metadata"]?["resourceVersion"])
            && (path.IsCustom || path.Group is "coordination.k8s.io" or "policy")
        )
        {
            throw ApiException.Invalid(
                path,
                Kind(value),
                "metadata.resourceVersion",
                "FieldValueInvalid",
                "Invalid value: 0: must be specified for an update"
            );
        }
    }

    /// <exception cref="ApiException">The version or UID is another's, or the change is not allowed.</exception>
    public static void CheckUpdate(ApiPath path, JsonObject before, JsonObject after)
    {
        var (was, now) = (before["metadata"]!, after["metadata"]!);
        if ((string?)now["resourceVersion"] is { Length: > 0 } version && version != (string?)was["resourceVersion"])
        {
            throw ApiException.Conflict(
                path,
                "the object has been modified; please apply your changes to the latest version and try again"
            );
        }

        if ((string?)now["uid"] is { Length: > 0 } uid && uid != (string?)was["uid"])
        {
            throw ApiException.Conflict(path, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {was["uid"]}");
        }

        if (was["deletionTimestamp"] is null)
        {
            if (now["deletionTimestamp"] is { } time)
            {
                throw ApiException.Invalid(
                    path,
                    Kind(before),
                    "metadata.deletionTimestamp",
                    "FieldValueInvalid",
                    $"Invalid value: \"{time}\": field is immutable"
                );
            }
        }
        else if (Finalizers(now).Except(Finalizers(was)).FirstOrDefault() is { } added)
        {
            throw ApiException.Invalid(
                path,
                Kind(before),
                "metadata.finalizers",
                "FieldValueForbidden",
                $"Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{{\"{added}\"}}"
            );
        }
    }

    /// <summary>What a write to this endpoint cannot touch stays as it was.</summary>
    public static void Keep(JsonObject before, JsonObject after, string? subresource)
    {
        foreach (var name in before.Concat(after).Select(static one => one.Key).Distinct().ToArray())
        {
            if ((subresource == "status") == (name != "status"))
            {
                Copy(before, after, name);
            }
        }

        var metadata = (JsonObject)after["metadata"]!;
        foreach (var name in Kept)
        {
            Copy((JsonObject)before["metadata"]!, metadata, name);
        }

        Trim(metadata);
    }

    /// <summary>Empty maps and lists are as none.</summary>
    public static void Trim(JsonObject metadata)
    {
        foreach (var name in (string[])["labels", "annotations", "finalizers", "ownerReferences"])
        {
            if (metadata[name] is null or JsonObject { Count: 0 } or JsonArray { Count: 0 })
            {
                metadata.Remove(name);
            }
        }
    }

    /// <summary>Whether the generation rises: with anything but metadata and status.</summary>
    public static bool IsNewGeneration(JsonObject before, JsonObject after) =>
        before
            .Concat(after)
            .Select(static one => one.Key)
            .Except(["metadata", "status", "apiVersion", "kind"])
            .Any(name => !JsonNode.DeepEquals(before[name], after[name]));

    public static string Kind(JsonObject value) => (string?)value["kind"] ?? "";

    private static IEnumerable<string> Finalizers(JsonNode metadata) =>
        (metadata["finalizers"] as JsonArray ?? []).Select(static one => (string)one!);

    private static void Copy(JsonObject from, JsonObject to, string name)
    {
        to.Remove(name);
        if (from[name] is { } value)
        {
            to[name] = value.DeepClone();
        }
    }

    [GeneratedRegex("^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
    private static partial Regex NameRule();
}
