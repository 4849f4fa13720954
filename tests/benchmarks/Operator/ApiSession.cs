using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Operator;

/// <summary>What users, controllers and kubelets ask of the API server, as JSON text. Thread-safe.</summary>
internal sealed class ApiSession(HttpClient client)
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private static readonly MediaTypeHeaderValue Merge = new("application/merge-patch+json");

    public Task<JsonDocument> CreateAsync(string path, string body, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, path, body, Json, cancellation);

    public Task<JsonDocument> PatchAsync(string path, string body, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Patch, path, body, Merge, cancellation);

    public Task<JsonDocument> GetAsync(string path, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Get, path, null, Json, cancellation);

    /// <summary>Everything there is, and then every change, until cancelled: the object of each event but deletions.</summary>
    public async IAsyncEnumerable<JsonElement> FollowAsync(string path, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var answer = await client.GetAsync(
            $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}watch=1",
            HttpCompletionOption.ResponseHeadersRead,
            cancellation
        );
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(cancellation));
        while (await reader.ReadLineAsync(cancellation) is { } line)
        {
            using var change = JsonDocument.Parse(line);
            if (change.RootElement.GetProperty("type").GetString() is "ADDED" or "MODIFIED")
            {
                yield return change.RootElement.GetProperty("object");
            }
        }

        throw new BenchmarkException($"the watch of {path} has ended");
    }

    private async Task<JsonDocument> SendAsync(
        HttpMethod method,
        string path,
        string? body,
        MediaTypeHeaderValue type,
        CancellationToken cancellation
    )
    {
        using var request = new HttpRequestMessage(method, path);
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, type);
        using var answer = await client.SendAsync(request, cancellation);
        var text = await answer.Content.ReadAsStringAsync(cancellation);
        return answer.IsSuccessStatusCode
            ? JsonDocument.Parse(text)
            : throw new BenchmarkException($"{method} {path}: {(int)answer.StatusCode} {text}");
    }
}
