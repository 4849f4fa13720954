using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace Mooring.Benchmarks.Million;

/// <summary>Publishes to random users through the Hub's HTTP API, at a steady rate.</summary>
internal sealed class Publisher(string target, string apiKey, string space, int users, int perSecond)
{
    private const int Lanes = 16;

    private long _sent;
    private long _failed;
    private string? _lastFailure;

    public long Sent => Volatile.Read(ref _sent);

    public long Failed => Volatile.Read(ref _failed);

    public string? LastFailure => _lastFailure;

    public Task RunAsync(CancellationToken stop) => Task.WhenAll(Enumerable.Range(0, Lanes).Select(_ => LaneAsync(stop)));

    private async Task LaneAsync(CancellationToken stop)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://{target}"), Timeout = TimeSpan.FromSeconds(10) };
        http.DefaultRequestHeaders.Add("X-API-Key", apiKey);
        var began = Stopwatch.GetTimestamp();
        for (long done = 0; !stop.IsCancellationRequested; done++)
        {
            var due = TimeSpan.FromSeconds((double)done * Lanes / perSecond) - Stopwatch.GetElapsedTime(began);
            try
            {
                if (due > TimeSpan.Zero)
                {
                    await Task.Delay(due, stop);
                }

                var user = Random.Shared.Next(users);
                var body = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{{\"channel\":\"{space}:{user}\",\"data\":{{\"user\":{user},\"sent\":{Stopwatch.GetTimestamp()}}}}}"
                );
                using var content = new ByteArrayContent(Encoding.ASCII.GetBytes(body));
                content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
                using var answer = await http.PostAsync(new Uri("/api/publish", UriKind.Relative), content, stop);
                var text = await answer.Content.ReadAsStringAsync(stop);
                if (answer.IsSuccessStatusCode && text.Contains("\"result\"", StringComparison.Ordinal))
                {
                    Interlocked.Increment(ref _sent);
                }
                else
                {
                    Fail($"{(int)answer.StatusCode} {text}");
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
            {
                Fail(failure.Message);
            }
        }
    }

    private void Fail(string why)
    {
        Interlocked.Increment(ref _failed);
        _lastFailure = why;
    }
}
