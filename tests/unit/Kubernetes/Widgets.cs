using System.Text.Json.Nodes;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Testing.ApiDouble;

namespace Mooring.Kubernetes.Tests;

/// <summary>Short words for what most tests need.</summary>
internal static class Widgets
{
    public const string Collection = "/apis/test.mooring.dev/v1/namespaces/ns/widgets";

    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    public static ResourceType<Widget> Kind => Widget.Type;

    public static Widget Make(string name, string? color = null, Dictionary<string, string>? labels = null) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                Namespace = "ns",
                Labels = labels,
            },
            Spec = color is null ? null : new WidgetSpec { Color = color },
        };

    public static JsonObject Json(string name, string? color = null, string? label = null)
    {
        var value = new JsonObject
        {
            ["apiVersion"] = "test.mooring.dev/v1",
            ["kind"] = "Widget",
            ["metadata"] = new JsonObject { ["name"] = name },
            ["spec"] = new JsonObject { ["color"] = color },
        };
        if (label is not null)
        {
            value["metadata"]!["labels"] = new JsonObject { ["app"] = label };
        }

        return value;
    }

    public static string Path(string name) => $"{Collection}/{name}";

    public static KubernetesClient Client(
        KubernetesApiDouble api,
        KubernetesClientOptions? options = null,
        TimeProvider? time = null,
        ICredentialSource? credentials = null
    ) =>
        new(
            new ClusterConfig { Server = api.Address, Credentials = credentials ?? new StaticCredential(Credential.None) },
            options ?? new KubernetesClientOptions { QueriesPerSecond = 0 },
            time
        );
}
