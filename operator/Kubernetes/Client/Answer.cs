using System.Text;
using System.Text.Json;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Client;

/// <summary>An HTTP answer with its body, which is empty where it is still to be streamed.</summary>
internal sealed class Answer(HttpResponseMessage response, byte[] body) : IDisposable
{
    public HttpResponseMessage Response => response;

    public byte[] Body => body;

    public KubernetesException ToException(ApiRequest request)
    {
        TimeSpan? retryAfter = response.Headers.RetryAfter?.Delta;
        return new KubernetesException(response.StatusCode, ReadStatus(), request.ToString(), retryAfter);
    }

    public void Dispose() => response.Dispose();

    // A proxy in between, or the server's own outer filters, answer with plain text.
    private Status ReadStatus()
    {
        try
        {
            var status = JsonSerializer.Deserialize(body, KubernetesJson.Default.Status);
            if (status is { Kind: "Status" } and ({ Reason: not null } or { Message: not null }))
            {
                return status;
            }
        }
        catch (JsonException) { }

        var text = Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(body.Length, 1024))).Trim();
        return new Status
        {
            State = "Failure",
            Code = (int)response.StatusCode,
            Reason = response.StatusCode.ToString(),
            Message = text.Length > 0 ? text : response.ReasonPhrase,
        };
    }
}

/// <summary>Reads a body that must not be longer than a bound.</summary>
internal static class BoundedBody
{
    /// <exception cref="HttpRequestException">The body is longer than <paramref name="maxBytes"/>.</exception>
    public static async Task<byte[]> ReadAsync(HttpContent content, int maxBytes, CancellationToken cancellationToken)
    {
        if (content.Headers.ContentLength > maxBytes)
        {
            throw TooLong();
        }

        await using var stream = await content.ReadAsStreamAsync(cancellationToken);
        var capacity = (int)(content.Headers.ContentLength ?? 4096);
        using var buffer = new MemoryStream(capacity);
        var chunk = System.Buffers.ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            int read;
            while ((read = await stream.ReadAsync(chunk, cancellationToken)) > 0)
            {
                if (buffer.Length + read > maxBytes)
                {
                    throw TooLong();
                }

                buffer.Write(chunk, 0, read);
            }
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(chunk);
        }

        return buffer.Length == capacity ? buffer.GetBuffer() : buffer.ToArray();

        HttpRequestException TooLong() => new(HttpRequestError.ConfigurationLimitExceeded, $"the answer is longer than {maxBytes} bytes");
    }
}
