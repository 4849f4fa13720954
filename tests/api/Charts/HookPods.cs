using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Charts;

/// <summary>
/// Runs the pods of the chart's hooks as processes of this machine: with the arguments and the rights that the chart gives them. Only where the operator is
/// differs, for there is no network between pods here.
/// </summary>
internal sealed class HookPods : IAsyncDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(200);

    private readonly TestCluster _cluster;
    private readonly string _namespace;
    private readonly Func<int> _httpPort;
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<string> _seen = [];
    private readonly Task _running;

    /// <param name="httpPort">Where the operator's own address is.</param>
    public HookPods(TestCluster cluster, string ns, Func<int> httpPort)
    {
        (_cluster, _namespace, _httpPort) = (cluster, ns, httpPort);
        _running = Task.Run(RunAsync);
    }

    /// <summary>What the pods wrote.</summary>
    public ConcurrentQueue<string> Logs { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var pods = await _cluster.Kubectl.GetAsync("pods", "-n", _namespace, "-l", "app.kubernetes.io/name=mooring-hook");
                foreach (var pod in pods["items"]!.AsArray().Select(pod => pod!))
                {
                    if (_seen.Add((string)pod["metadata"]!["uid"]!))
                    {
                        await RunAsync(pod);
                    }
                }
            }
            catch (InvalidOperationException error)
            {
                Logs.Enqueue(error.Message);
            }

            await Task.Delay(Period, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task RunAsync(JsonNode pod)
    {
        var name = (string)pod["metadata"]!["name"]!;
        var account = (string)pod["spec"]!["serviceAccountName"]!;
        var token = await _cluster.Kubectl.RunAsync("create", "token", account, "-n", _namespace, "--duration=1h");
        var arguments = pod["spec"]!["containers"]![0]!["args"]!
            .AsArray()
            .Select(argument => (string)argument!)
            // Nothing routes the API server to a Service's address here.
            .Where(argument => argument != "--metrics-api")
            .Select(argument =>
                argument.StartsWith("--http=", StringComparison.Ordinal) ? $"--http=http://127.0.0.1:{_httpPort()}" : argument
            );
        await using var process = ChildProcess.Start(
            OperatorProcess.Program,
            [.. arguments, "--kubeconfig", _cluster.WriteTokenKubeconfig($"{name}-{account}", token.Trim())],
            _cluster.InFolder($"{name}.log")
        );
        var code = await process.WaitForExitAsync(TimeSpan.FromMinutes(3));
        Logs.Enqueue(process.Log);
        var status = $$$"""
            {"status": {"phase": "{{{(
                code == 0 ? "Succeeded" : "Failed"
            )}}}", "conditions": [{"type": "Ready", "status": "False", "reason": "PodCompleted"}]}}
            """;
        using var content = new StringContent(status, Encoding.UTF8, new MediaTypeHeaderValue("application/merge-patch+json"));
        using var answer = await _cluster.Admin.PatchAsync($"/api/v1/namespaces/{_namespace}/pods/{name}/status", content);
    }
}
