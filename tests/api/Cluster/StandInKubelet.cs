using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace Mooring.Api.Tests.Cluster;

/// <summary>
/// Plays scheduler and kubelet for the pods of one namespace: each new one is bound to the cluster's only Node and marked running and ready, with an
/// address; each that is to go is gone at once, as if its process had ended.
/// </summary>
internal sealed class StandInKubelet : IAsyncDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    private readonly HttpClient _admin;
    private readonly string _path;
    private readonly Func<JsonNode, bool> _takes;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private int _addresses;

    /// <summary>Starts at once.</summary>
    /// <param name="takes">Which pods it looks after; null: all.</param>
    public StandInKubelet(TestCluster cluster, string ns, Func<JsonNode, bool>? takes = null)
    {
        _admin = cluster.Admin;
        _path = $"/api/v1/namespaces/{ns}/pods";
        _takes = takes ?? (static _ => true);
        _running = Task.Run(RunAsync);
    }

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
                var pods = JsonNode.Parse(await _admin.GetStringAsync(_path, _stop.Token))!["items"]!.AsArray();
                foreach (var pod in pods.Select(pod => pod!).Where(_takes))
                {
                    await CareAsync(pod);
                }

                await Task.Delay(Period, _stop.Token);
            }
            catch (HttpRequestException)
            {
                // The API server is down: that is what some tests are about.
                await Task.Delay(Period).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task CareAsync(JsonNode pod)
    {
        var name = (string)pod["metadata"]!["name"]!;
        if (pod["metadata"]!["deletionTimestamp"] is not null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Delete, $"{_path}/{name}?gracePeriodSeconds=0");
            using var gone = await _admin.SendAsync(request, _stop.Token);
            return;
        }

        if (pod["spec"]!["nodeName"] is null)
        {
            using var binding = new StringContent(
                $$$"""{"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "{{{name}}}"}, "target": {"kind": "Node", "name": "{{{TestCluster.Node}}}"}}""",
                Encoding.UTF8,
                new MediaTypeHeaderValue("application/json")
            );
            using var bound = await _admin.PostAsync($"{_path}/{name}/binding", binding, _stop.Token);
        }

        if ((string?)pod["status"]?["phase"] == "Pending")
        {
            await MarkReadyAsync(name);
        }
    }

    private async Task MarkReadyAsync(string pod)
    {
        var address = $"10.244.{_addresses / 250}.{(_addresses++ % 250) + 1}";
        // Without the moment no pod is ever available.
        var now = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        var status = $$$"""
            {"status": {"phase": "Running", "podIP": "{{{address}}}", "podIPs": [{"ip": "{{{address}}}"}],
             "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "{{{now}}}"}, {"type": "ContainersReady", "status": "True"}, {"type": "PodScheduled", "status": "True"}]}}
            """;
        using var content = new StringContent(status, Encoding.UTF8, new MediaTypeHeaderValue("application/merge-patch+json"));
        using var answer = await _admin.PatchAsync($"{_path}/{pod}/status", content, _stop.Token);
    }
}
