using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.Entities;
using Mooring.Operator.Run;
using Mooring.Operator.Run.Troubles;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>A leader at work on the API double: the whole operator but for its election and its stream.</summary>
internal sealed class OperatorOnDouble : IAsyncDisposable
{
    public const string FleetPath = "/apis/mooring.dev/v1alpha1/namespaces/shop/connectionfleets/small";
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Where what a fleet consists of is.</summary>
    private static readonly string[] Collections =
    [
        "/api/v1/serviceaccounts",
        "/api/v1/configmaps",
        "/api/v1/services",
        "/apis/policy/v1/poddisruptionbudgets",
        "/apis/apps/v1/deployments",
    ];

    private readonly KubernetesApiDouble _api;
    private readonly KubernetesClient _client;
    private readonly FleetOperator _operator;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _following;
    private readonly Task _working;

    private readonly KubernetesClient _witness;
    private readonly TroubleWatch? _troubles;

    private OperatorOnDouble(
        KubernetesApiDouble api,
        string name,
        Func<bool> mayWork,
        TroubleLimits? troubles,
        IReadOnlyList<string> namespaces
    )
    {
        (_api, Name) = (api, name);
        _client = new KubernetesClient(
            new ClusterConfig { Server = api.Address },
            new KubernetesClientOptions
            {
                FieldManager = "mooring-operator",
                UserAgent = name,
                QueriesPerSecond = 0,
                AttemptTimeout = TimeSpan.FromSeconds(3),
                // Where it tells of watches that are cut, one is not to be cut for its silence.
                WatchIdleTimeout = TimeSpan.FromSeconds(troubles is null ? 5 : 90),
            }
        )
        {
            MayWrite = mayWork,
        };
        _witness = new KubernetesClient(_client.Config, _client.Options);
        if (troubles is not null)
        {
            _troubles = new TroubleWatch(_witness, "operator", "lease", troubles, TimeProvider.System, NullLoggerFactory.Instance);
            _client.Witness = _troubles;
        }

        _operator = new FleetOperator(
            new RunOptions
            {
                Http = new IPEndPoint(IPAddress.Loopback, 0),
                GatewayImage = "gateway",
                Namespaces = namespaces,
            },
            _client,
            "operator",
            NullLoggerFactory.Instance
        );
        _following = Task.WhenAll(_operator.FollowAsync(_stop.Token), _troubles?.RunAsync(_stop.Token) ?? Task.CompletedTask);
        _working = Task.Run(() => _operator.WorkAsync(1, mayWork, static () => Task.CompletedTask, _stop.Token));
    }

    /// <summary>User agent of its requests.</summary>
    public string Name { get; }

    /// <summary>As its probe says.</summary>
    public bool IsReady => _operator.HasSynced;

    /// <param name="api">The API server.</param>
    /// <param name="name">User agent of its requests.</param>
    /// <param name="mayWork">Whether it leads; null: it does.</param>
    /// <param name="troubles">From when on it tells what befalls it; null: it does not.</param>
    /// <param name="namespaces">Those that it watches; null: all.</param>
    public static OperatorOnDouble Start(
        KubernetesApiDouble api,
        string name = "operator",
        Func<bool>? mayWork = null,
        TroubleLimits? troubles = null,
        IReadOnlyList<string>? namespaces = null
    ) => new(api, name, mayWork ?? (static () => true), troubles, namespaces ?? []);

    /// <summary>Puts the fleet in, as a user would. Returns it as it is then.</summary>
    public static JsonObject PutFleet(KubernetesApiDouble api, string manifest = Fleets.Small, string ns = "shop")
    {
        var json = JsonSerializer.SerializeToNode(Fleets.Load(manifest), FleetJson.Default.ConnectionFleet)!.AsObject();
        var metadata = json["metadata"]!.AsObject();
        metadata.Remove("uid");
        metadata.Remove("generation");
        metadata["namespace"] = ns;
        json.Remove("status");
        return api.Put($"/apis/mooring.dev/v1alpha1/namespaces/{ns}/connectionfleets", json);
    }

    /// <summary>What the fleet consists of, each as <c>Kind name uid</c>.</summary>
    public static IReadOnlyList<string> Children(KubernetesApiDouble api) =>
        [
            .. Collections.SelectMany(collection =>
                api.List(collection).Select(item => $"{collection.Split('/')[^1]} {item["metadata"]!["name"]} {item["metadata"]!["uid"]}")
            ),
        ];

    /// <summary>A condition of the fleet; null while it has none of the type.</summary>
    public static (string Status, string Reason, string Message)? Condition(
        KubernetesApiDouble api,
        string type = "Ready",
        string fleet = FleetPath
    ) =>
        api.Find(fleet)?["status"]?["conditions"]?.AsArray().FirstOrDefault(one => (string?)one!["type"] == type) is { } found
            ? ((string)found["status"]!, (string)found["reason"]!, (string)found["message"]!)
            : null;

    /// <summary>Waits until everything is there and the status says that only the gateways are still to come.</summary>
    public static Task ConvergedAsync(KubernetesApiDouble api) =>
        Until.TrueAsync(
            () => Children(api).Count == 7 && Condition(api) is { Reason: "GatewaysNotReady" },
            Patience,
            $"everything: {string.Join(", ", Children(api))}; Ready is {Condition(api)}"
        );

    /// <summary>The process is gone: nothing of it reaches the API server from now on, not even what was under way.</summary>
    public async Task KillAsync()
    {
        _api.AddFault(
            new Fault
            {
                Match = IsMine,
                Times = int.MaxValue,
                Abort = true,
            }
        );
        await DisposeAsync();
    }

    public bool IsMine(RecordedRequest request) => request.Headers.GetValueOrDefault("User-Agent") == Name;

    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        await _stop.CancelAsync();
        await Task.WhenAll(_following, _working).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _operator.DisposeAsync();
        await (_troubles?.DisposeAsync() ?? ValueTask.CompletedTask);
        _witness.Dispose();
        _client.Dispose();
        _stop.Dispose();
    }
}
