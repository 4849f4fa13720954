using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.Metrics.External;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Metrics;

public sealed class MetricsApiServerTests
{
    [Fact]
    public void Accepts_Strangers_AreRefused_AndToldOnceAMinute()
    {
        using var client = new KubernetesClient(new ClusterConfig { Server = new Uri("http://127.0.0.1:9") });
        var log = new Lines();
        var time = new ManualTime();
        var server = new MetricsApiServer(client, "operator", "stream", log, time);
        using var stranger = Certificate("stranger");
        using var other = Certificate("other");

        server.Accepts(stranger).ShouldBeFalse();
        server.Accepts(other).ShouldBeFalse();
        log.All.ShouldHaveSingleItem().ShouldContain("CN=stranger");

        time.Advance(TimeSpan.FromMinutes(1));
        server.Accepts(other).ShouldBeFalse();
        log.All.Count.ShouldBe(2);
        log.All.Last().ShouldContain("CN=other");
    }

    private static X509Certificate2 Certificate(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
    }

    private sealed class Lines : ILogger
    {
        public ConcurrentQueue<string> All { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => All.Enqueue(formatter(state, exception));
    }
}
