using Mooring.Contracts.Configuration;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;
using Mooring.Operator.Validation;

namespace Mooring.Operator.Host;

/// <summary>One fleet of the manifest, planned for this machine.</summary>
/// <param name="Fleet">As the manifest has it.</param>
/// <param name="Plan">What it consists of.</param>
internal sealed record HostFleet(ConnectionFleet Fleet, FleetPlan Plan)
{
    /// <summary>What the plan follows from, for planning it again with a change that the manifest does not have.</summary>
    public FleetInput? Input { get; init; }

    /// <summary><c>namespace/name</c>.</summary>
    public string Key => Plan.Config.Fleet;

    public string Namespace => Fleet.Metadata.Namespace ?? "default";
}

/// <summary>The whole manifest, or everything that is wrong with it.</summary>
/// <param name="Fleets">Empty where there are errors.</param>
/// <param name="Errors">Each with its fleet (where there are several), line and path.</param>
internal sealed record HostManifest(IReadOnlyList<HostFleet> Fleets, IReadOnlyList<string> Errors)
{
    /// <summary>The manifest's Secrets; empty where there are errors.</summary>
    public IReadOnlyList<ManifestSecret> Secrets { get; init; } = [];

    private const int MaxBytes = 4 * 1024 * 1024;

    /// <summary>Reads the file, and finds what is wrong with it in general and on this machine.</summary>
    /// <param name="path">The file.</param>
    /// <param name="folders">Where Secrets are.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public static async Task<HostManifest> ReadAsync(string path, SecretFolders folders, CancellationToken cancellation)
    {
        try
        {
            if (new FileInfo(path).Length > MaxBytes)
            {
                return new HostManifest([], [$"{path}: longer than {MaxBytes} bytes"]);
            }

            var manifest = Parse(await File.ReadAllTextAsync(path, cancellation), path, folders);
            var missing = manifest
                .Fleets.SelectMany(fleet => SecretFolders.Missing(fleet.Fleet, folders.Of(fleet.Namespace, manifest.Secrets)))
                .Select(error => $"{path}: {error}")
                .ToList();
            return missing.Count == 0 ? manifest : new HostManifest([], missing);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new HostManifest([], [$"{path}: {exception.Message}"]);
        }
    }

    /// <summary>For as long as this process lives: its gateways do not outlive it.</summary>
    private static readonly string CookieSeed = Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32));

    /// <summary>Parses a manifest. Pure.</summary>
    /// <param name="text">YAML or JSON, one or more documents.</param>
    /// <param name="path">For the errors.</param>
    /// <param name="folders">Where Secrets are.</param>
    public static HostManifest Parse(string text, string path, SecretFolders folders)
    {
        var (secrets, secretErrors) = ManifestSecret.ReadAll(text, path);
        var loaded = FleetManifest.LoadAll(text);
        var errors = secretErrors.ToList();
        var fleets = new List<HostFleet>();
        if (loaded.Count == 0)
        {
            errors.Add($"{path}: there is no {FleetApi.Kind} in it");
        }

        foreach (var one in loaded)
        {
            var found = one.Errors.ToList();
            if (one.Fleet is { } fleet)
            {
                found.AddRange(FleetValidator.ValidateForHost(fleet));
                var space = fleet.Metadata.Namespace ?? "default";
                errors.AddRange(SecretFolders.Lacking(fleet, space, secrets).Select(error => $"{path}: {error}"));
                var input = new FleetInput
                {
                    Fleet = fleet,
                    Platform = FleetPlatform.Host,
                    Secrets = folders.Of(space, secrets),
                    CookieSeed = CookieSeed,
                };
                fleets.Add(new HostFleet(fleet, FleetPlanner.Plan(input)) { Input = input });
            }

            var prefix = loaded.Count > 1 && one.Name.Length > 0 ? $"{one.Name}: " : "";
            errors.AddRange(found.Select(error => $"{path}{(error.Line is { } line ? $":{line}" : "")}: {prefix}{error}"));
        }

        errors.AddRange(CheckTogether(fleets).Select(error => $"{path}: {error}"));
        return new HostManifest(errors.Count == 0 ? fleets : [], errors) { Secrets = errors.Count == 0 ? secrets : [] };
    }

    /// <summary>What is wrong with good fleets of one manifest because they are to run beside each other.</summary>
    public static IEnumerable<string> CheckTogether(IEnumerable<ConnectionFleet> fleets) =>
        CheckTogether([
            .. fleets.Select(static fleet => new HostFleet(
                fleet,
                FleetPlanner.Plan(new FleetInput { Fleet = fleet, Platform = FleetPlatform.Host })
            )),
        ]);

    private static IEnumerable<string> CheckTogether(List<HostFleet> fleets)
    {
        foreach (var twice in fleets.GroupBy(static fleet => fleet.Key, StringComparer.Ordinal).Where(static group => group.Count() > 1))
        {
            yield return $"metadata.name: there are {twice.Count()} fleets {twice.Key}";
        }

        var listeners = fleets.SelectMany(static fleet => fleet.Plan.Config.Listeners.Select((listener, i) => (fleet, listener, i)));
        foreach (
            var port in listeners
                .GroupBy(static item => (item.listener.Protocol == ListenerProtocol.UDP, item.listener.Port))
                .Where(static group => group.Select(static item => item.fleet.Key).Distinct(StringComparer.Ordinal).Count() > 1)
        )
        {
            var places = string.Join(" and ", port.Select(static item => $"{item.fleet.Key} spec.listeners[{item.i}].port"));
            yield return $"{places}: two fleets of one machine must not share port {port.Key.Port}";
        }
    }
}
