using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Serving;

/// <summary>The config file, and when it has changed.</summary>
/// <remarks>
/// The file's content is looked at every second: a ConfigMap is mounted through a symbolic link that moves, editors replace files, and
/// network file systems send no events; one small read a second finds all of these.
/// </remarks>
internal sealed class ConfigFile(string path, TimeProvider time)
{
    private const int MaxBytes = 4 * 1024 * 1024;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private byte[] _last = [];

    /// <summary>Reads the file.</summary>
    /// <returns>The config, or errors that name the file and the place in it.</returns>
    public async Task<(GatewayConfig? Config, string? Error)> ReadAsync(CancellationToken cancel)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaxBytes })
            {
                return (null, $"{path}: is larger than {MaxBytes} bytes");
            }

            _last = await File.ReadAllBytesAsync(path, cancel);
            return (ContractsJson.ParseConfig(_last), null);
        }
        catch (JsonException error)
        {
            return (null, $"{path}: {error.Message}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return (null, $"{path}: {error.Message}");
        }
    }

    /// <summary>Completes when the file's content is another than at the last <see cref="ReadAsync"/>.</summary>
    public async Task ChangedAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var seen = _last;
        while (await timer.WaitForNextTickAsync(cancel))
        {
            var now = await TryReadAsync(cancel);
            if (now is null || now.AsSpan().SequenceEqual(_last))
            {
                seen = _last;
                continue;
            }

            // The same new content twice: an editor may be half-way through writing.
            if (now.AsSpan().SequenceEqual(seen))
            {
                return;
            }

            seen = now;
        }
    }

    private async Task<byte[]?> TryReadAsync(CancellationToken cancel)
    {
        try
        {
            return new FileInfo(path) is { Exists: true, Length: <= MaxBytes } ? await File.ReadAllBytesAsync(path, cancel) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
