using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Telemetry;

namespace Mooring.Kubernetes.Client;

/// <summary>Speaks to one API server: typed reads and writes, server-side apply, patches, subresources and watches.</summary>
/// <remarks>
/// Thread-safe; one for a process is enough. Every method throws <see cref="KubernetesException"/> for an error that the server gave,
/// <see cref="HttpRequestException"/> when it could not be reached, <see cref="TimeoutException"/> when it was too slow, and
/// <see cref="CredentialException"/> when there was no credential to be had.
/// </remarks>
public sealed partial class KubernetesClient : IDisposable
{
    private readonly RequestPipeline _pipeline;

    /// <param name="time">Clock of rate limit, retries and timeouts; null: the system's.</param>
    public KubernetesClient(
        ClusterConfig config,
        KubernetesClientOptions? options = null,
        TimeProvider? time = null,
        ILoggerFactory? loggers = null
    )
    {
        Config = config;
        Options = options ?? new KubernetesClientOptions();
        Time = time ?? TimeProvider.System;
        _pipeline = new RequestPipeline(config, Options, Time, (ILogger?)loggers?.CreateLogger<KubernetesClient>() ?? NullLogger.Instance);
    }

    public ClusterConfig Config { get; }

    public KubernetesClientOptions Options { get; }

    /// <summary>Asked before each try of a request that changes something; when it says no, nothing is sent. Null: nothing is asked. Default null.</summary>
    /// <remarks>
    /// For a leader: a process that was stopped in the middle of its work and goes on after its term writes nothing any more. The request then fails
    /// as with a server that is away. The elector's own requests go out in any case.
    /// </remarks>
    public Func<bool>? MayWrite
    {
        get => _pipeline.MayWrite;
        set => _pipeline.MayWrite = value;
    }

    /// <summary>Hears how requests and the watches of informers fare. Null: nobody. Default null; set before the first request.</summary>
    public IApiWitness? Witness
    {
        get => _pipeline.Witness;
        set => _pipeline.Witness = value;
    }

    internal TimeProvider Time { get; }

    /// <summary>Reads an object.</summary>
    public async Task<T> GetAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellationToken = default)
        where T : class, IKubernetesObject =>
        type.Read(await _pipeline.SendAsync(Request(HttpMethod.Get, "get", type, ns, name), cancellationToken));

    /// <summary>Reads an object; null when there is none.</summary>
    public async Task<T?> FindAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellationToken = default)
        where T : class, IKubernetesObject
    {
        try
        {
            return await GetAsync(type, ns, name, cancellationToken);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            return null;
        }
    }

    /// <summary>Creates an object. Without a name, <c>metadata.generateName</c> makes one.</summary>
    public async Task<T> CreateAsync<T>(
        ResourceType<T> type,
        T value,
        WriteOptions? options = null,
        CancellationToken cancellationToken = default
    )
        where T : class, IKubernetesObject
    {
        var query = new Query().AddWrite(options ??= new WriteOptions(), Options.FieldManager);
        var path = type.Path(value.Metadata.Namespace);
        if (options.Subresource is { } part)
        {
            path = type.Path(value.Metadata.Namespace, NameOf(value), part);
        }

        var request = Request(HttpMethod.Post, "create", type, path, query, options.Subresource) with
        {
            Body = type.Write(value),
            ContentType = "application/json",
        };
        return type.Read(await _pipeline.SendAsync(request, cancellationToken));
    }

    /// <summary>Replaces an object whole; with <c>metadata.resourceVersion</c> set, only if nobody changed it since.</summary>
    /// <remarks>What the type does not know is lost: for kinds that others extend, apply or patch.</remarks>
    public async Task<T> ReplaceAsync<T>(
        ResourceType<T> type,
        T value,
        WriteOptions? options = null,
        CancellationToken cancellationToken = default
    )
        where T : class, IKubernetesObject
    {
        var query = new Query().AddWrite(options ??= new WriteOptions(), Options.FieldManager);
        var path = type.Path(value.Metadata.Namespace, NameOf(value), options.Subresource);
        var request = Request(HttpMethod.Put, "update", type, path, query, options.Subresource) with
        {
            Body = type.Write(value),
            ContentType = "application/json",
        };
        return type.Read(await _pipeline.SendAsync(request, cancellationToken));
    }

    /// <summary>Replaces an object's status, leaving the rest as it is.</summary>
    public Task<T> ReplaceStatusAsync<T>(
        ResourceType<T> type,
        T value,
        WriteOptions? options = null,
        CancellationToken cancellationToken = default
    )
        where T : class, IKubernetesObject =>
        ReplaceAsync(type, value, (options ?? new WriteOptions()) with { Subresource = "status" }, cancellationToken);

    /// <summary>Patches an object or, by <see cref="WriteOptions.Subresource"/>, a part of it.</summary>
    public async Task<T> PatchAsync<T>(
        ResourceType<T> type,
        string? ns,
        string name,
        Patch patch,
        WriteOptions? options = null,
        CancellationToken cancellationToken = default
    )
        where T : class, IKubernetesObject =>
        type.Read(await PatchRawAsync(type, ns, name, patch, options, isIdempotent: false, cancellationToken));

    /// <summary>As <see cref="PatchAsync"/>, for who has no use for the object or reads it otherwise.</summary>
    /// <param name="isIdempotent">To send it twice does no harm: it is sent again where a connection broke or a server was away for a moment.</param>
    /// <returns>The object as it is now, as JSON.</returns>
    public Task<byte[]> PatchRawAsync(
        ResourceType type,
        string? ns,
        string name,
        Patch patch,
        WriteOptions? options,
        bool isIdempotent,
        CancellationToken cancellationToken = default
    )
    {
        var query = new Query().AddWrite(options ??= new WriteOptions(), Options.FieldManager);
        var path = type.Path(ns, name, options.Subresource);
        var request = Request(HttpMethod.Patch, "patch", type, path, query, options.Subresource) with
        {
            Body = patch.Body,
            ContentType = patch.ContentType,
            IsIdempotent = isIdempotent,
        };
        return _pipeline.SendAsync(request, cancellationToken);
    }

    /// <summary>Deletes an object. Returns false when there was none.</summary>
    /// <remarks>With finalizers or a grace period it is only marked: watch for its end.</remarks>
    public async Task<bool> DeleteAsync(
        ResourceType type,
        string? ns,
        string name,
        DeleteOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        var request = Request(HttpMethod.Delete, "delete", type, ns, name) with
        {
            Body = JsonSerializer.SerializeToUtf8Bytes(DeleteBody(options ?? new DeleteOptions()), WireJson.Default.DeleteOptionsBody),
            ContentType = "application/json",
        };
        try
        {
            await _pipeline.SendAsync(request, cancellationToken);
            return true;
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            return false;
        }
    }

    /// <summary>Reads any path, such as <c>/version</c> or <c>/readyz</c>.</summary>
    /// <param name="path">Path and query, from the server's base address on.</param>
    public Task<byte[]> GetRawAsync(string path, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return _pipeline.SendAsync(
            new ApiRequest
            {
                Method = HttpMethod.Get,
                Verb = "get",
                Resource = "raw",
                Target = path[0] == '/' ? path : "/" + path,
            },
            cancellationToken
        );
    }

    public void Dispose() => _pipeline.Dispose();

    internal Task<byte[]> SendAsync(ApiRequest request, CancellationToken cancellationToken) =>
        _pipeline.SendAsync(request, cancellationToken);

    private static string NameOf(IKubernetesObject value) =>
        value.Metadata.Name is { Length: > 0 } name ? name : throw new ArgumentException($"the {value.Kind} has no metadata.name");

    internal static ApiRequest Request(HttpMethod method, string verb, ResourceType type, string? ns, string name) =>
        Request(method, verb, type, type.Path(ns, name), new Query());

    internal static ApiRequest Request(
        HttpMethod method,
        string verb,
        ResourceType type,
        string path,
        Query query,
        string? subresource = null
    ) =>
        new()
        {
            Method = method,
            Verb = verb,
            Resource = subresource is null ? type.QualifiedName : $"{type.QualifiedName}/{subresource}",
            Target = path + query,
        };

    private static DeleteOptionsBody DeleteBody(DeleteOptions options) =>
        new()
        {
            GracePeriodSeconds = options.GracePeriodSeconds,
            PropagationPolicy = options.Propagation?.ToString(),
            DryRun = options.DryRun ? ["All"] : null,
            Preconditions =
                options.Uid is null && options.ResourceVersion is null
                    ? null
                    : new DeletePreconditions { Uid = options.Uid, ResourceVersion = options.ResourceVersion },
        };
}
