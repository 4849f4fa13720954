using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Reconciliation;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class ReferencedServicesTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly ObjectKey Fleet = new("shop", "small");
    private static readonly ObjectKey Wanted = new("shop", "app");

    /// <summary>A new leader that took "not read yet" for "no endpoints" would take the gateways' endpoints away.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task IsKnown_OnlyOnceTheServiceWasRead_AndThenTheFleetIsTold(bool exists)
    {
        await using var api = await KubernetesApiDouble.StartAsync();
        using var client = new KubernetesClient(
            new ClusterConfig { Server = api.Address },
            new KubernetesClientOptions { QueriesPerSecond = 0 }
        );
        if (exists)
        {
            api.Put(
                "/api/v1/namespaces/shop/services",
                new JsonObject
                {
                    ["apiVersion"] = "v1",
                    ["kind"] = "Service",
                    ["metadata"] = new JsonObject { ["name"] = "app" },
                }
            );
        }

        var told = new ConcurrentQueue<bool>();
        using var references = new ReferencedServices(client, NullLoggerFactory.Instance);
        references.Changed = fleet => told.Enqueue(fleet == Fleet && references.IsKnown(Wanted));
        api.Unreachable = true;
        references.Set(Fleet, [Wanted]);
        references.IsKnown(Wanted).ShouldBeFalse();
        told.ShouldBeEmpty();

        api.Unreachable = false;
        await Until.TrueAsync(() => told.Contains(true), Deadline, "the fleet told that the Service is known");
        (references.Service(Wanted) is not null).ShouldBe(exists);
        references.Set(Fleet, []);
        references.IsKnown(Wanted).ShouldBeFalse();
    }
}
