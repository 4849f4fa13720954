using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.Run;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Run;

/// <summary>Whichever of its servers an operator has, their certificate is renewed.</summary>
public sealed class CertificateRenewalTests : IAsyncLifetime
{
    private const string Secret = "/api/v1/namespaces/operator/secrets/mooring-stream-tls";
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly IPEndPoint Anywhere = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private KubernetesApiDouble _api = null!;

    public async Task InitializeAsync() => _api = await KubernetesApiDouble.StartAsync();

    public async Task DisposeAsync()
    {
        await _api.DisposeAsync();
        _stop.Dispose();
    }

    [Theory]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    [InlineData(true, true, true)]
    public async Task Work_CertificateThatIsAboutToExpire_IsMadeAnew(bool stream, bool admin, bool metricsApi)
    {
        var time = new ManualTime();
        using var client = new KubernetesClient(
            new ClusterConfig { Server = _api.Address },
            new KubernetesClientOptions { FieldManager = "mooring-operator", QueriesPerSecond = 0 }
        );
        await using var @operator = new FleetOperator(
            new RunOptions
            {
                Http = Anywhere,
                GatewayImage = "gateway",
                Stream = stream ? Anywhere : null,
                Admin = admin ? Anywhere : null,
                MetricsApi = metricsApi ? Anywhere : null,
            },
            client,
            "operator",
            NullLoggerFactory.Instance,
            time
        );
        var following = @operator.FollowAsync(_stop.Token);
        var working = Task.Run(() => @operator.WorkAsync(1, static () => true, static () => Task.CompletedTask, _stop.Token));
        await Until.TrueAsync(() => Certificate() is not null, Deadline, "a certificate");
        var first = Certificate();

        // Of 90 days it is renewed in the last 30.
        time.SetForward(TimeSpan.FromDays(61));
        await Until.TrueAsync(
            () =>
            {
                time.Advance(TimeSpan.FromHours(2));
                return Certificate() != first;
            },
            Deadline,
            "another certificate"
        );

        await _stop.CancelAsync();
        await Task.WhenAll(following, working).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private string? Certificate() =>
        (string?)_api.Find(Secret)?["data"]?["tls.crt"] is { } text ? Encoding.UTF8.GetString(Convert.FromBase64String(text)) : null;
}
