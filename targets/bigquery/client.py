"""Opening the dataset."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import Conflict, NotFound
from google.api_core.retry import Retry
from google.cloud.bigquery import Dataset

from pipe.errors import ConfigurationError
from targets.bigquery.errors import is_passing, service_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.cloud.bigquery import Client

logger = logging.getLogger(__name__)

CALL_SECONDS = 60
"""How long one answer may take."""

RETRY = Retry(predicate=is_passing, initial=0.5, maximum=8.0, multiplier=2.0, timeout=CALL_SECONDS)
"""For calls that may be repeated; the client's own policy goes on for ten minutes."""


def open_dataset(client: Client, name: str, config: Mapping[str, Any], labels: dict[str, str]) -> Dataset:
    """The dataset `name`, made when it is missing and that is allowed.

    Raises:
        ConfigurationError: it is missing, or in another location than the settings say.
        CredentialsError: its project may not be used.
    """
    with service_errors(f"opening dataset {name}"):
        try:
            found = client.get_dataset(name, retry=RETRY, timeout=CALL_SECONDS)
        except NotFound:
            found = _made(client, name, config, labels)
    wanted = config.get("location")
    if wanted and found.location and wanted.lower() != found.location.lower():
        raise ConfigurationError(
            f"dataset {name} is in {found.location}, and location says {wanted}",
            field="location",
            remedy="A dataset cannot be moved: set location to where it is, or name another dataset",
        )
    return found


def _made(client: Client, name: str, config: Mapping[str, Any], labels: dict[str, str]) -> Dataset:
    if not config["create_dataset"]:
        raise ConfigurationError(
            f"there is no dataset {name} in project {config['project']}",
            field="dataset",
            remedy="Make it, or set create_dataset to true",
        )
    dataset = Dataset(f"{config['project']}.{name}")
    if location := config.get("location"):
        dataset.location = location
    dataset.labels = labels
    try:
        made = client.create_dataset(dataset, retry=RETRY, timeout=CALL_SECONDS)
    except Conflict:  # another run was faster
        return client.get_dataset(name, retry=RETRY, timeout=CALL_SECONDS)
    logger.info("Dataset %s made in %s", name, made.location)
    return made
