using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Reconciliation;

/// <summary>A fleet's objects as the API server has them, without what differs from run to run.</summary>
internal static class NormalizedObjects
{
    private static readonly string[] Kinds =
    [
        "serviceaccounts",
        "configmaps",
        "services",
        "poddisruptionbudgets",
        "networkpolicies",
        "deployments",
    ];

    private static readonly string[] ServerMetadata =
    [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "namespace",
    ];

    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static async Task<string> ReadAsync(FleetFixture fleet)
    {
        var all = new JsonArray();
        foreach (var kind in Kinds)
        {
            foreach (var value in await fleet.ListAsync(kind))
            {
                all.Add(Normalize(value));
            }
        }

        return all.ToJsonString(Readable).Replace(fleet.Namespace, "NAMESPACE", StringComparison.Ordinal) + "\n";
    }

    private static JsonObject Normalize(JsonNode value)
    {
        var copy = value.DeepClone().AsObject();
        copy.Remove("status");
        var metadata = copy["metadata"]!.AsObject();
        Array.ForEach(ServerMetadata, name => metadata.Remove(name));
        metadata["ownerReferences"]![0]!.AsObject()["uid"] = "UID";
        var annotations = metadata["annotations"]!.AsObject();
        // The hash covers the owner's uid.
        annotations["mooring.dev/applied-hash"] = "HASH";
        annotations.Remove("deployment.kubernetes.io/revision");
        foreach (var name in new[] { "clusterIP", "clusterIPs" })
        {
            if ((string?)copy["spec"]?["clusterIP"] != "None")
            {
                copy["spec"]?.AsObject().Remove(name);
            }
        }

        foreach (var port in copy["spec"]?["ports"]?.AsArray() ?? [])
        {
            if (port!.AsObject().ContainsKey("nodePort"))
            {
                port["nodePort"] = "ANY";
            }
        }

        if (copy["data"]?["ca.crt"] is not null)
        {
            copy["data"]!["ca.crt"] = "PEM";
        }

        return copy;
    }
}
