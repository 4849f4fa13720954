using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.LeaderElection;

/// <summary>The lease as this process sees it: reads, takes, renews and releases it. Not thread-safe.</summary>
/// <remarks>
/// How old someone else's lease is, is measured on the local monotonic clock from when its present state was first seen here; the times
/// written in it are for people, since clocks differ between machines. An answer counts only where it says what the API server says of this lease:
/// something in between that answers 200 to everything must neither make a leader nor keep one.
/// </remarks>
internal sealed class LeaseLock(KubernetesClient client, LeaderElectionOptions options, TimeProvider time)
{
    private Lease? _seen;
    private long _seenSince;

    // A take was sent, and what came of it is not known.
    private bool _mayHold;

    // Of any Lease of the name: it may be deleted, and then a new one must not begin below it.
    private int _highest;

    /// <summary>Who holds it, as last seen; empty for nobody.</summary>
    public string Holder => _seen?.Spec?.HolderIdentity ?? "";

    /// <summary>When somebody else's lease is over if it is not renewed; null: nobody is known to hold it, or it is over. Above zero.</summary>
    public TimeSpan? Left =>
        Holder.Length > 0 && Holder != options.Identity && Duration(_seen!.Spec!) - time.GetElapsedTime(_seenSince) is { Ticks: > 0 } left
            ? left
            : null;

    /// <summary>Takes the lease if it is free, expired or this process's own from before. Returns the term's number; null when another holds it.</summary>
    /// <exception cref="KubernetesException">Also a conflict, when another was faster, and a 404 that is not the API server's word on this lease.</exception>
    /// <exception cref="InvalidDataException">The answer is not of this lease, or not to what was asked.</exception>
    public async Task<int?> TryTakeAsync(CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        if (_seen is null)
        {
            _mayHold = true;
            await CreateAsync(cancellationToken);
            _mayHold = false;
            return _seen!.Spec!.LeaseTransitions;
        }

        var spec = _seen.Spec ?? new LeaseSpec();
        var free = string.IsNullOrEmpty(spec.HolderIdentity) || spec.HolderIdentity == options.Identity;
        if (!free && time.GetElapsedTime(_seenSince) < Duration(spec))
        {
            return null;
        }

        // Counted up for every term, also one of the same holder: the number is what late orders are fenced with.
        var now = time.GetUtcNow();
        _mayHold = true;
        await WriteAsync(
            Mine(now) with
            {
                AcquireTime = now,
                LeaseTransitions = spec.LeaseTransitions + 1 ?? TermNumber.First(now, _highest),
            },
            cancellationToken
        );
        _mayHold = false;
        return _seen.Spec!.LeaseTransitions;
    }

    /// <summary>Renews the lease that this process holds. Returns false when another holds it.</summary>
    /// <inheritdoc cref="TryTakeAsync" path="/exception"/>
    public async Task<bool> RenewAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RenewSeenAsync(cancellationToken);
            return true;
        }
        catch (KubernetesException error) when (error.IsConflict || error.IsNotFound)
        {
            // Changed by someone: either only its labels, or it is lost.
            var term = _seen?.Spec?.LeaseTransitions;
            await ReadAsync(cancellationToken);
            if (Holder != options.Identity || _seen?.Spec?.LeaseTransitions != term)
            {
                return false;
            }

            await RenewSeenAsync(cancellationToken);
            return true;
        }
    }

    /// <summary>Gives the lease up, if it is still this process's, also by a take whose answer never came.</summary>
    public async Task ReleaseAsync(CancellationToken cancellationToken)
    {
        if (_mayHold)
        {
            await ReadAsync(cancellationToken);
        }

        if (Holder != options.Identity)
        {
            return;
        }

        var term = _seen!.Spec!.LeaseTransitions;
        try
        {
            await ReleaseSeenAsync(cancellationToken);
        }
        catch (KubernetesException error) when (error.IsConflict)
        {
            // A renewal whose answer nobody waited for any more may have arrived all the same.
            await ReadAsync(cancellationToken);
            if (Holder == options.Identity && _seen?.Spec?.LeaseTransitions == term)
            {
                await ReleaseSeenAsync(cancellationToken);
            }
        }
    }

    private TimeSpan Duration(LeaseSpec spec) => TimeSpan.FromSeconds(spec.LeaseDurationSeconds ?? options.LeaseDuration.TotalSeconds);

    private Task ReleaseSeenAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return WriteAsync(
            new LeaseSpec
            {
                HolderIdentity = "",
                // As client-go: with one second left, older clients that do not know an empty holder take it at once too.
                LeaseDurationSeconds = 1,
                AcquireTime = now,
                RenewTime = now,
                LeaseTransitions = _seen!.Spec!.LeaseTransitions,
            },
            cancellationToken
        );
    }

    private Task RenewSeenAsync(CancellationToken cancellationToken) =>
        WriteAsync(
            Mine(time.GetUtcNow()) with
            {
                AcquireTime = _seen?.Spec?.AcquireTime,
                LeaseTransitions = _seen?.Spec?.LeaseTransitions,
            },
            cancellationToken
        );

    private LeaseSpec Mine(DateTimeOffset now) =>
        new()
        {
            HolderIdentity = options.Identity,
            LeaseDurationSeconds = (int)Math.Ceiling(options.LeaseDuration.TotalSeconds),
            RenewTime = now,
        };

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        var type = Resources.Leases;
        try
        {
            var request = Request(HttpMethod.Get, "get", type.Path(options.Namespace, options.Name));
            See(Read(await client.SendAsync(request, cancellationToken)));
        }
        catch (KubernetesException error) when (IsGone(error))
        {
            See(null);
        }
    }

    private async Task CreateAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var lease = new Lease
        {
            Metadata = new ObjectMeta { Namespace = options.Namespace, Name = options.Name },
            Spec = Mine(now) with { AcquireTime = now, LeaseTransitions = TermNumber.First(now, _highest) },
        };
        var request = Request(HttpMethod.Post, "create", Resources.Leases.Path(options.Namespace)) with
        {
            Body = Resources.Leases.Write(lease),
            ContentType = "application/json",
        };
        See(Confirmed(Read(await client.SendAsync(request, cancellationToken)), lease.Spec));
    }

    // The version makes it a compare-and-set.
    private async Task WriteAsync(LeaseSpec spec, CancellationToken cancellationToken)
    {
        var lease = Resources.Leases.Clone(_seen!);
        var before = lease.Metadata.ResourceVersion;
        lease.Spec = spec;
        var request = Request(HttpMethod.Put, "update", Resources.Leases.Path(options.Namespace, options.Name)) with
        {
            Body = Resources.Leases.Write(lease),
            ContentType = "application/json",
        };
        var written = Confirmed(Read(await client.SendAsync(request, cancellationToken)), spec);
        if (written.Metadata.ResourceVersion == before)
        {
            throw new InvalidDataException($"the answer to an update of the lease {options.Name} is of its version before");
        }

        See(written);
    }

    // The API server names what there is none of. A 404 of anything else in between (a path that it does not know, a page) says nothing of the lease.
    private bool IsGone(KubernetesException error) => error.IsNotFound && error.Status.Details?.Name == options.Name;

    private Lease Read(byte[] json)
    {
        var lease = Resources.Leases.Read(json);
        return lease is { Metadata: { Name: { } name, ResourceVersion.Length: > 0 } } && name == options.Name
            ? lease
            : throw new InvalidDataException($"the answer is not the lease {options.Name}");
    }

    private Lease Confirmed(Lease written, LeaseSpec wanted) =>
        (written.Spec?.HolderIdentity ?? "") == (wanted.HolderIdentity ?? "") && written.Spec?.LeaseTransitions == wanted.LeaseTransitions
            ? written
            : throw new InvalidDataException($"the answer does not say that the lease {options.Name} was written");

    private void See(Lease? lease)
    {
        if (_seen?.Metadata.Uid != lease?.Metadata.Uid || _seen?.Spec != lease?.Spec)
        {
            _seenSince = time.GetTimestamp();
        }

        _seen = lease;
        _highest = Math.Max(_highest, lease?.Spec?.LeaseTransitions ?? 0);
    }

    // Not held up by the client's own rate limit, and never longer than leaves time for another try.
    private ApiRequest Request(HttpMethod method, string verb, string path) =>
        KubernetesClient.Request(method, verb, Resources.Leases, path, new Query()) with
        {
            Unthrottled = true,
            MaxRetries = 0,
            AttemptTimeout = options.RenewDeadline / 2,
        };
}
