using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Mooring.Testing;

/// <summary>A collector of OTLP over HTTP in protobuf, on a port of its own; what comes is read by whoever derives from it.</summary>
public abstract class OtlpCollector : IAsyncDisposable
{
    private readonly WebApplication _app;

    /// <param name="path">Of the one kind of request that it takes, such as <c>/v1/traces</c>.</param>
    protected OtlpCollector(string path)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapPost(
            path,
            async (HttpContext context) =>
            {
                if (context.Request.ContentType != "application/x-protobuf")
                {
                    return Results.StatusCode(StatusCodes.Status415UnsupportedMediaType);
                }

                using var body = new MemoryStream();
                await context.Request.Body.CopyToAsync(body);
                Read(body.ToArray());
                return Results.Bytes([], "application/x-protobuf");
            }
        );
    }

    /// <summary>Where to send to; there once it was started.</summary>
    public string Address => _app.Urls.First();

    public Task StartAsync() => _app.StartAsync();

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return _app.DisposeAsync();
    }

    /// <summary>One request's body; on any thread.</summary>
    protected abstract void Read(byte[] request);
}
