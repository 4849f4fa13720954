using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Models;

namespace Mooring.Testing.ClientCases;

/// <summary>What a client finds at a Kubernetes API: each case runs against the double and against a real API server.</summary>
/// <remarks>
/// These files are compiled into both test projects, where <c>[Case]</c> stands for the attribute that is right there. A case that holds
/// at the real server and not at the double shows what is wrong with the double.
/// </remarks>
public abstract class CaseBase(ICaseServer server) : IAsyncLifetime
{
    protected static readonly TimeSpan Deadline = TimeSpan.FromSeconds(90);

    private readonly List<KubernetesClient> _clients = [];
    private ClusterConfig _config = null!;

    protected KubernetesClient Client { get; private set; } = null!;

    protected string Namespace => _config.Namespace;

    protected static ResourceType<ConfigMap> ConfigMaps { get; } = ResourceType.For(ResourcesJson.Default.ConfigMap);

    public async Task InitializeAsync()
    {
        _config = await server.StartAsync();
        Client = Connect("mooring");
    }

    public async Task DisposeAsync()
    {
        await StopAsync();
        _clients.ForEach(static one => one.Dispose());
        await server.DisposeAsync();
    }

    /// <summary>Ends what a case left running, before its clients go.</summary>
    protected virtual Task StopAsync() => Task.CompletedTask;

    /// <summary>Another client of the same server.</summary>
    protected KubernetesClient Connect(string manager, CuttableNetwork? network = null)
    {
        var client = new KubernetesClient(
            _config,
            new KubernetesClientOptions
            {
                FieldManager = manager,
                QueriesPerSecond = 0,
                ConfigureHandler = network is null ? null : network.Attach,
            }
        );
        _clients.Add(client);
        return client;
    }

    protected Widget Make(string name, string? color = null, int? replicas = null, string? app = null) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                Namespace = Namespace,
                Labels = app is null ? null : new() { ["app"] = app },
            },
            Spec = color is null && replicas is null ? null : new WidgetSpec { Color = color, Replicas = replicas },
        };

    protected ConfigMap MakeMap(string name, string value) =>
        new()
        {
            Metadata = new ObjectMeta { Name = name, Namespace = Namespace },
            Data = new() { ["key"] = value },
        };

    protected Task<Widget> CreateAsync(string name, string? color = null, int? replicas = null, string? app = null) =>
        Client.CreateAsync(Widget.Type, Make(name, color, replicas, app));

    protected Task<Widget> GetAsync(string name) => Client.GetAsync(Widget.Type, Namespace, name);

    protected Task<Widget?> FindAsync(string name) => Client.FindAsync(Widget.Type, Namespace, name);

    protected Task<Widget> MergeAsync(string name, string patch, string? subresource = null) =>
        Client.PatchAsync(Widget.Type, Namespace, name, Patch.Merge(patch), new WriteOptions { Subresource = subresource });

    protected static Task<KubernetesException> RefusedAsync(Task request) => Should.ThrowAsync<KubernetesException>(request);
}
