using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.Metrics.External;
using Mooring.Operator.Run;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Run;

/// <summary>Whichever of its servers an operator has, their certificate is renewed.</summary>
public sealed class CertificateRenewalTests : IAsyncLifetime
{
    private const string Secret = "/api/v1/namespaces/operator/secrets/mooring-stream-tls";
    private const string Registrations = "/apis/apiregistration.k8s.io/v1/apiservices";
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

    [Theory]
    [InlineData(403)]
    [InlineData(500)]
    public async Task Work_MetricsApiThatCouldNotBeRegistered_IsSoonAfter_AndAgainWhenItsRegistrationIsMadeAnew(int status)
    {
        var time = new ManualTime();
        using var client = new KubernetesClient(
            new ClusterConfig { Server = _api.Address },
            new KubernetesClientOptions { FieldManager = "mooring-operator", QueriesPerSecond = 0 }
        );
        var options = new RunOptions
        {
            Http = Anywhere,
            GatewayImage = "gateway",
            MetricsApi = Anywhere,
        };
        using var authority = Authority();
        _api.Put(
            "/api/v1/namespaces/kube-system/configmaps",
            new JsonObject
            {
                ["metadata"] = new JsonObject { ["name"] = "extension-apiserver-authentication" },
                ["data"] = new JsonObject { ["requestheader-client-ca-file"] = authority.ExportCertificatePem() },
            }
        );
        Register(options.StreamService);
        _api.AddFault(
            new Fault
            {
                Match = static request => request.Path.EndsWith("/extension-apiserver-authentication", StringComparison.Ordinal),
                Status = status,
            }
        );
        await using var @operator = new FleetOperator(options, client, "operator", NullLoggerFactory.Instance, time);
        var following = @operator.FollowAsync(_stop.Token);
        var working = Task.Run(() => @operator.WorkAsync(1, static () => true, static () => Task.CompletedTask, _stop.Token));

        await Until.TrueAsync(() => time.SetTimers == 1, Deadline, "its loop to wait");
        Bundle().ShouldBeNull();
        time.Advance(TimeSpan.FromSeconds(15));
        await Until.TrueAsync(() => Bundle() is not null, Deadline, "the certificate of the registration");

        await Until.TrueAsync(() => time.SetTimers == 1, Deadline, "its loop to wait");
        Register(options.StreamService);
        Bundle().ShouldBeNull();
        time.Advance(TimeSpan.FromMinutes(1));
        await Until.TrueAsync(() => Bundle() is not null, Deadline, "the certificate of the new registration");

        await _stop.CancelAsync();
        await Task.WhenAll(following, working).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Register(string service) =>
        _api.Put(
            Registrations,
            new JsonObject
            {
                ["metadata"] = new JsonObject { ["name"] = ExternalMetricsApi.Registration },
                ["spec"] = new JsonObject
                {
                    ["service"] = new JsonObject { ["namespace"] = "operator", ["name"] = service },
                },
            }
        );

    private string? Bundle() => (string?)_api.Find($"{Registrations}/{ExternalMetricsApi.Registration}")?["spec"]?["caBundle"];

    private static X509Certificate2 Authority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=front-proxy-ca", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(2));
    }

    private string? Certificate() =>
        (string?)_api.Find(Secret)?["data"]?["tls.crt"] is { } text ? Encoding.UTF8.GetString(Convert.FromBase64String(text)) : null;
}
